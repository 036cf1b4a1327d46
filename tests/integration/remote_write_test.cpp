// Debian's VictoriaMetrics is the store that remote write sends to: what it has in the end is what
// the controller's own history says, whatever happened to store, controller and agent meanwhile.

#include "common/clock.h"
#include "common/file.h"
#include "tests/integration/kept_samples.h"
#include "tests/integration/portoser.h"
#include "tests/support/await.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <sstream>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

/// By time in ms.
using Values = std::map<std::int64_t, double>;

class Store {
 public:
  explicit Store(std::filesystem::path folder) : folder_(std::move(folder)) {}

  void start() {
    ProcessRequest request;
    request.argv = {"victoria-metrics",
                    "-httpListenAddr=127.0.0.1:" + std::to_string(port_),
                    "-storageDataPath=" + (folder_ / "store").string(),
                    "-retentionPeriod=1y",
                    "-search.latencyOffset=0s",
                    "-memory.allowedBytes=64MB"};
    request.log_file = folder_ / "store.log";
    process_.emplace(std::move(request));
    await_until(
        "the store answers", 60s, [&] { return ask("/health") == "OK"; }, [&] { return log(); });
  }
  /// SIGTERM: what it took is on its disk then.
  void stop() { ASSERT_EQ(process_->terminate(60s), 0) << log(); }
  void freeze() { process_->freeze(); }
  void thaw() { process_->thaw(); }

  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(port_) + "/api/v1/write";
  }
  [[nodiscard]] std::string log() const { return process_->log_tail(); }
  /// "" while it does not answer.
  [[nodiscard]] std::string ask(const std::string& path) const {
    try {
      const auto answer = HttpClient{port_}.get(path);
      return answer.status == 200 ? answer.body : "";
    } catch (const std::exception&) {
      return "";
    }
  }
  /// Of all series of this name, as they were stored.
  [[nodiscard]] Values values(const std::string& family) const {
    Values values;
    std::istringstream lines{ask("/api/v1/export?match[]=" + family)};
    for (std::string line; std::getline(lines, line);) {
      const auto series = Json::parse(line);
      EXPECT_EQ(series["metric"].value("cluster", ""), "attic") << line;
      EXPECT_EQ(series["metric"].value("machine", ""), "brick") << line;
      for (std::size_t i = 0; i < series["values"].size(); ++i) {
        if (series["values"][i].is_null()) continue;  // the end of a series, or a break in it
        values[series["timestamps"][i]] = series["values"][i].get<double>();
      }
    }
    return values;
  }

 private:
  std::filesystem::path folder_;
  std::uint16_t port_ = free_port();
  std::optional<Process> process_;
};

class RemoteWrite : public testing::Test {
 protected:
  RemoteWrite() {
    controller_.set_environment(environment());
    controller_.write_registry("hosts:\n  brick: {ip: 127.0.0.1}\n");
    store_.start();
    controller_.start();
    agent_.join(controller_.create_token());
    agent_.start();
    controller_.await_machine("brick", "online");
    await_sent(5);
  }

  [[nodiscard]] Environment environment() const {
    return {{"PORTOSER_SAMPLE_INTERVAL_MS", "200"},
            {"PORTOSER_REMOTE_WRITE_URL", store_.url() + "?extra_label=via%3Dhidden"},
            {"PORTOSER_REMOTE_WRITE_EXTERNAL_LABELS", "cluster=attic"},
            {"PORTOSER_REMOTE_WRITE_HEADERS", "X-Key=hidden"}};
  }
  [[nodiscard]] double metric(const std::string& name) const {
    return controller_.metric("portoser_remote_write_" + name).value_or(0);
  }
  [[nodiscard]] std::string explain() const {
    return controller_.log_tail() + "\n" + store_.log() + "\npending " +
           std::to_string(metric("pending_samples"));
  }
  /// So many more of one series.
  void await_sent(std::size_t more) const {
    const auto had = store_.values(cpu).size();
    await_until(
        "samples arrive at the store",
        60s,
        [&] { return store_.values(cpu).size() >= had + more; },
        [&] { return explain(); });
  }
  void await_failures(double more) const {
    const auto had = metric("failed_sends_total");
    await_until(
        "sending fails",
        60s,
        [&] { return metric("failed_sends_total") >= had + more; },
        [&] { return explain(); });
  }
  /// What waits to be sent has grown meanwhile.
  void await_waiting(double samples) const {
    await_until(
        "samples wait",
        60s,
        [&] { return metric("pending_samples") >= samples; },
        [&] { return explain(); });
  }
  /// Nothing more is measured, and the store has it all.
  void finish() {
    agent_.stop();
    await_until(
        "nothing waits any more",
        120s,
        [&] {
          return controller_.post("/api/metrics/snapshot", R"({"all":true})").status == 200 &&
                 metric("pending_samples") == 0;
        },
        [&] { return explain(); });
  }
  /// The store has each sample that the controller's history counts, and their mean.
  void expect_no_hole() const {
    const auto answer =
        controller_.get("/api/metrics/machine/brick/history?time_range=6h&interval=1m");
    const auto rows = answer.body["data_points"];
    std::size_t samples = 0;
    for (const auto& row : rows) samples += row["samples"].get<std::size_t>();
    // What a store took is not shown at once.
    await_until(
        "the store shows as many samples as the history has",
        60s,
        [&] { return store_.values(cpu).size() >= samples; },
        [&] { return fmt::format("{} of {}\n{}", store_.values(cpu).size(), samples, explain()); });
    const auto values = store_.values(cpu);
    std::int64_t compared = 0;
    for (const auto& row : rows) {
      const auto time = time_from_rfc3339(row["timestamp"].get<std::string>());
      ASSERT_TRUE(time);
      const auto begin = to_unix_us(*time) / 1000;
      std::int64_t count = 0;
      double sum = 0;
      const auto end = values.lower_bound(begin + 60'000);
      for (auto one = values.lower_bound(begin); one != end; ++one) {
        ++count;
        sum += one->second;
      }
      EXPECT_EQ(count, row["samples"].get<std::int64_t>()) << dump(row);
      if (count > 0) {
        EXPECT_NEAR(sum / static_cast<double>(count), row["cpu_percent"].get<double>(), 0.011)
            << dump(row);
      }
      compared += count;
    }
    EXPECT_EQ(compared, static_cast<std::int64_t>(values.size()));
    EXPECT_GT(compared, 20);
  }

  static constexpr auto cpu = "portoser_host_cpu_percent";
  TempFolder folder_{"remote-write"};
  Store store_{folder_.path()};
  ControllerProcess controller_{folder_.path()};
  AgentProcess agent_{folder_.path(), "brick", "/nonexistent.sock"};
};

TEST_F(RemoteWrite, TheStoreHasTheValuesOfTheController) {
  await_until(
      "the host is up there", 60s, [&] { return !store_.values("portoser_host_up").empty(); });
  await_until("there is enough to compare", 60s, [&] { return store_.values(cpu).size() > 20; });
  const auto total = controller_.metric(R"(portoser_host_memory_total_bytes{machine="brick"})");
  finish();
  expect_no_hole();
  const auto memory = store_.values("portoser_host_memory_total_bytes");
  ASSERT_FALSE(memory.empty());
  EXPECT_EQ(memory.rbegin()->second, total.value_or(0));
  EXPECT_EQ(store_.values("portoser_host_up").begin()->second, 1);
  // By the store's own language.
  const auto answer = Json::parse(store_.ask(
      "/api/v1/"
      "query?query=count_over_time(portoser_host_load1%7Bcluster%3D%22attic%22%7D%5B1h%5D)"));
  EXPECT_EQ(answer["data"]["result"].size(), 1U) << dump(answer);
  const auto workers = controller_.get("/api/metrics/workers/status").body;
  EXPECT_EQ(workers["workers"]["remote_write"]["status"], "running") << dump(workers);
  EXPECT_EQ(metric("failed_sends_total"), 0);
  EXPECT_THAT(controller_.log(), Not(HasSubstr("hidden")));
}

TEST_F(RemoteWrite, AnOutageAndAnEndOfTheControllerInItLeaveNoHole) {
  store_.stop();
  await_failures(3);
  await_waiting(300);
  const auto workers = controller_.get("/api/metrics/workers/status").body;
  EXPECT_EQ(workers["workers"]["remote_write"]["status"], "failing") << dump(workers);
  EXPECT_THAT(controller_.log(), HasSubstr("the store of remote write takes no samples"));
  controller_.kill();
  controller_.start();
  controller_.await_machine("brick", "online");
  await_failures(1);
  await_waiting(600);
  controller_.stop();  // in peace, while it fails
  controller_.start();
  controller_.await_machine("brick", "online");
  store_.start();
  await_sent(50);
  finish();
  expect_no_hole();
  EXPECT_THAT(controller_.log(), Not(HasSubstr("hidden")));
}

TEST_F(RemoteWrite, AStoreThatHangsHoldsNobodyUp) {
  controller_.stop();
  auto impatient = environment();
  impatient["PORTOSER_REMOTE_WRITE_TIMEOUT"] = "1s";
  controller_.set_environment(impatient);
  controller_.start();
  controller_.await_machine("brick", "online");
  store_.freeze();
  await_failures(1);
  // One request under way, or a rest: samples, history and the API go on.
  const auto samples = R"(metrics_ingested_total{source="agent",type="sample"})";
  const auto had = controller_.metric(samples).value_or(0);
  const auto began = std::chrono::steady_clock::now();
  await_until(
      "samples come in", 30s, [&] { return controller_.metric(samples).value_or(0) >= had + 10; });
  EXPECT_LT(std::chrono::steady_clock::now() - began, 20s);
  controller_.stop();  // nor does its end wait
  controller_.start();
  store_.thaw();
  controller_.await_machine("brick", "online");
  await_sent(20);
  finish();
  expect_no_hole();
}

TEST_F(RemoteWrite, LateSamplesArriveAtTheirOwnTime) {
  constexpr std::size_t kept = 300;
  agent_.stop();
  keep_samples(agent_.data(), kept, 20s);
  agent_.start();
  await_sent(kept);
  finish();
  expect_no_hole();
  const auto values = store_.values(cpu);
  EXPECT_LT(values.begin()->first, to_unix_us(SystemClock{}.now()) / 1000 - 90 * 60'000);
  // It was not heard then.
  const auto up = store_.values("portoser_host_up");
  EXPECT_GT(up.begin()->first, to_unix_us(SystemClock{}.now()) / 1000 - 30 * 60'000);
}

}  // namespace
}  // namespace portoser::test
