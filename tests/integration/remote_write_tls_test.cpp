// Remote write over https to Debian's Prometheus, whose certificate comes from an authority of the
// test's own by an intermediate one: what Prometheus has in the end is what the controller's
// history says, also when the controller was told to trust another authority at first.

#include "common/fetch.h"
#include "common/file.h"
#include "tests/integration/portoser.h"
#include "tests/support/await.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

/// A root, an intermediate authority that it vouches for, and a server's certificate of that one.
class Authority {
 public:
  explicit Authority(std::filesystem::path folder) : folder_(std::move(folder)) {
    std::filesystem::create_directories(folder_);
    openssl({"req",
             "-x509",
             "-days",
             "2",
             "-subj",
             "/CN=Root of a test",
             "-keyout",
             "root.key",
             "-out",
             "root.pem"},
            true);
    certify("intermediate",
            "Authority of a test",
            "root",
            "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign\n");
    certify("server",
            "store",
            "intermediate",
            "basicConstraints=critical,CA:FALSE\nsubjectAltName=IP:127.0.0.1\n");
    write_file_atomic(folder_ / "chain.pem",
                      read_file(folder_ / "server.pem") + read_file(folder_ / "intermediate.pem"));
  }

  [[nodiscard]] std::filesystem::path root() const { return folder_ / "root.pem"; }
  /// The server's own certificate first.
  [[nodiscard]] std::filesystem::path chain() const { return folder_ / "chain.pem"; }
  [[nodiscard]] std::filesystem::path key() const { return folder_ / "server.key"; }

 private:
  void openssl(std::vector<std::string> arguments, bool makes_key = false) const {
    arguments.insert(arguments.begin(), "openssl");
    if (makes_key) {
      for (const auto* one :
           {"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"}) {
        arguments.emplace_back(one);
      }
    }
    CommandOptions options;
    options.folder = folder_;
    must_run(std::move(arguments), options);
  }
  void certify(const std::string& name,
               const std::string& subject,
               const std::string& by,
               const std::string& extensions) const {
    openssl({"req", "-subj", "/CN=" + subject, "-keyout", name + ".key", "-out", name + ".csr"},
            true);
    write_file_atomic(folder_ / (name + ".ext"), extensions);
    openssl({"x509",
             "-req",
             "-days",
             "2",
             "-in",
             name + ".csr",
             "-CA",
             by + ".pem",
             "-CAkey",
             by + ".key",
             "-CAcreateserial",
             "-extfile",
             name + ".ext",
             "-out",
             name + ".pem"});
  }

  std::filesystem::path folder_;
};

/// Takes remote write, and answers PromQL.
class SecurePrometheus {
 public:
  SecurePrometheus(std::filesystem::path folder, const Authority& authority)
      : folder_(std::move(folder)), root_(authority.root()) {
    write_file_atomic(folder_ / "prometheus.yml",
                      "storage: {tsdb: {out_of_order_time_window: 24h}}\n");
    write_file_atomic(folder_ / "web.yml",
                      fmt::format("tls_server_config: {{cert_file: {}, key_file: {}}}\n",
                                  authority.chain().string(),
                                  authority.key().string()));
    ProcessRequest request;
    request.argv = {"prometheus",
                    "--config.file=" + (folder_ / "prometheus.yml").string(),
                    "--storage.tsdb.path=" + (folder_ / "tsdb").string(),
                    "--web.config.file=" + (folder_ / "web.yml").string(),
                    "--web.enable-remote-write-receiver",
                    "--web.listen-address=127.0.0.1:" + std::to_string(port_)};
    request.log_file = folder_ / "prometheus.log";
    process_.emplace(std::move(request));
    await_until(
        "Prometheus answers",
        60s,
        [&] { return get("/-/ready").has_value(); },
        [&] { return process_->log_tail(); });
  }

  [[nodiscard]] std::string url() const {
    return fmt::format("https://127.0.0.1:{}/api/v1/write", port_);
  }
  [[nodiscard]] std::string log() const { return process_->log_tail(); }
  /// The value of a question in PromQL whose answer is one series; `query` as a URL has it.
  [[nodiscard]] std::optional<double> value(const std::string& query) const {
    const auto answer = get("/api/v1/query?query=" + query);
    if (!answer) return std::nullopt;
    const auto result = Json::parse(*answer).at("data").at("result");
    if (result.size() != 1) return std::nullopt;
    return std::stod(result[0].at("value").at(1).get<std::string>());
  }

 private:
  [[nodiscard]] std::optional<std::string> get(const std::string& target) const {
    FetchRequest request;
    request.url = fmt::format("https://127.0.0.1:{}{}", port_, target);
    request.ca_file = root_.string();
    try {
      auto answer = fetch(request);
      if (answer.status == 200) return std::move(answer.body);
    } catch (const Error&) {
      // not there yet
    }
    return std::nullopt;
  }

  std::filesystem::path folder_;
  std::filesystem::path root_;
  std::uint16_t port_ = free_port();
  std::optional<Process> process_;
};

class RemoteWriteTls : public testing::Test {
 protected:
  /// `trusted`: what the controller takes for the store's authority.
  void start(const std::filesystem::path& trusted) {
    trust(trusted);
    controller_.set_environment({{"PORTOSER_SAMPLE_INTERVAL_MS", "200"},
                                 {"PORTOSER_REMOTE_WRITE_URL", store_.url()},
                                 {"PORTOSER_REMOTE_WRITE_CA_FILE", ca_file().string()}});
    controller_.write_registry("hosts:\n  brick: {ip: 127.0.0.1}\n");
    controller_.start();
    agent_.join(controller_.create_token());
    agent_.start();
    controller_.await_machine("brick", "online");
  }
  void trust(const std::filesystem::path& root) const {
    write_file_atomic(ca_file(), read_file(root));
  }
  [[nodiscard]] std::filesystem::path ca_file() const { return folder_ / "trusted.pem"; }
  [[nodiscard]] double metric(const std::string& name) const {
    return controller_.metric("portoser_remote_write_" + name).value_or(0);
  }
  void await_metric(const std::string& name, double least) const {
    await_until(
        name + " has come so far",
        120s,
        [&] { return metric(name) >= least; },
        [&] { return controller_.log_tail() + "\n" + store_.log(); });
  }
  [[nodiscard]] Json worker() const {
    return controller_.get("/api/metrics/workers/status").body["workers"]["remote_write"];
  }
  /// Nothing more is measured and nothing waits: three values of Prometheus are the API's.
  void expect_same_values() {
    await_until("there is enough to compare", 60s, [&] {
      return controller_.metric(R"(portoser_series_samples_total{result="new"})").value_or(0) >= 30;
    });
    agent_.stop();
    await_until(
        "nothing waits any more",
        120s,
        [&] {
          return controller_.post("/api/metrics/snapshot", R"({"all":true})").status == 200 &&
                 metric("pending_samples") == 0;
        },
        [&] { return controller_.log_tail() + "\n" + store_.log(); });
    const auto history =
        controller_.get("/api/metrics/machine/brick/history?time_range=1h&interval=1m").body;
    std::int64_t samples = 0;
    for (const auto& row : history["data_points"]) samples += row["samples"].get<std::int64_t>();
    ASSERT_GT(samples, 10);
    const auto count = store_.value("count_over_time(portoser_host_cpu_percent%5B1h%5D)");
    EXPECT_EQ(count, static_cast<double>(samples)) << "there is a hole";
    const auto mean = store_.value("avg_over_time(portoser_host_cpu_percent%5B1h%5D)");
    ASSERT_TRUE(mean);
    EXPECT_NEAR(*mean, history["summary"]["avg_cpu"].get<double>(), 0.011);
    const auto row = controller_.get("/api/metrics/machine/brick").body;
    EXPECT_EQ(store_.value("portoser_host_memory_total_bytes"), row["memory_total"].get<double>());
  }

  TempFolder folder_{"remote-write-tls"};
  Authority authority_{folder_ / "authority"};
  Authority stranger_{folder_ / "stranger"};
  SecurePrometheus store_{folder_.path(), authority_};
  ControllerProcess controller_{folder_.path()};
  AgentProcess agent_{folder_.path(), "brick", "/nonexistent.sock"};
};

TEST_F(RemoteWriteTls, PrometheusHasTheValuesOfTheController) {
  start(authority_.root());
  await_metric("samples_sent_total", 100);
  expect_same_values();
  EXPECT_EQ(metric("failed_sends_total"), 0);
  EXPECT_EQ(worker()["status"], "running") << dump(worker());
}

TEST_F(RemoteWriteTls, AStrangersCertificateIsRefusedAndTheQueueGoesOnOnceTheFileIsMended) {
  start(stranger_.root());
  await_metric("failed_sends_total", 2);
  await_metric("pending_samples", 100);
  EXPECT_EQ(metric("samples_sent_total"), 0);
  EXPECT_EQ(worker()["status"], "failing") << dump(worker());
  EXPECT_THAT(worker()["description"].get<std::string>(), HasSubstr("certificate"));
  EXPECT_THAT(controller_.log(),
              testing::AllOf(HasSubstr("the store of remote write takes no samples"),
                             HasSubstr("certificate")));
  EXPECT_FALSE(store_.value("portoser_host_memory_total_bytes")) << "it was told something";
  trust(authority_.root());
  await_metric("samples_sent_total", 100);
  expect_same_values();
  EXPECT_EQ(worker()["status"], "running") << dump(worker());
}

}  // namespace
}  // namespace portoser::test
