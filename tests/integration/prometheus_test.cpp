// Debian's Prometheus scrapes the controller and is asked by PromQL; promtool finds nothing to say.

#include "common/file.h"
#include "tests/integration/portoser.h"
#include "tests/support/await.h"
#include "tests/support/compose_project.h"
#include "tests/support/engine.h"
#include "tests/support/images.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;

/// Both tests only read, so they share a controller, an agent and a service that runs.
class Scrape : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    load_images(PrivateEngine::shared());
    folder_ = std::make_unique<TempFolder>("scrape");
    const ComposeProject project{*folder_ / "notes", {{.name = "web"}}};
    controller_ = std::make_unique<ControllerProcess>(folder_->path());
    controller_->write_registry(
        "domain: attic.test\nhosts:\n  brick: {ip: 127.0.0.1}\n"
        "services:\n  notes:\n    current_host: brick\n    docker_compose: " +
        project.file().string() + "\n");
    controller_->start();
    agent_ =
        std::make_unique<AgentProcess>(folder_->path(), "brick", PrivateEngine::shared().socket());
    agent_->join(controller_->create_token());
    agent_->start();
    controller_->await_machine("brick", "online");
    ASSERT_EQ(controller_->post("/api/services/notes/start").status, 200U);
    await_until("the service has a sample", 30s, [] {
      return controller_->get("/metrics").text.find("portoser_service_cpu_percent{") !=
             std::string::npos;
    });
  }
  static void TearDownTestSuite() {
    agent_.reset();
    controller_.reset();
    folder_.reset();
  }

  static std::unique_ptr<TempFolder> folder_;
  static std::unique_ptr<ControllerProcess> controller_;
  static std::unique_ptr<AgentProcess> agent_;
};

std::unique_ptr<TempFolder> Scrape::folder_;
std::unique_ptr<ControllerProcess> Scrape::controller_;
std::unique_ptr<AgentProcess> Scrape::agent_;

TEST_F(Scrape, PromtoolHasNothingToSay) {
  for (const auto* path : {"/metrics", "/api/metrics?format=prometheus"}) {
    const auto answer = HttpClient{controller_->port()}.get(path);
    EXPECT_EQ(answer.header("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
    write_file_atomic(*folder_ / "metrics.txt", answer.body);
    CommandOptions options;
    options.input_file = *folder_ / "metrics.txt";
    const auto result = run_command({"promtool", "check", "metrics"}, options);
    EXPECT_EQ(result.exit_status, 0);
    EXPECT_EQ(result.output, "");
  }
}

TEST_F(Scrape, PrometheusAnswersQuestionsAboutHostsAndServices) {
  const auto port = free_port();
  write_file_atomic(*folder_ / "prometheus.yml",
                    "global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: portoser\n"
                    "  static_configs: [{targets: ['127.0.0.1:" +
                        std::to_string(controller_->port()) + "']}]\n");
  ProcessRequest request;
  request.argv = {"prometheus",
                  "--config.file=" + (*folder_ / "prometheus.yml").string(),
                  "--storage.tsdb.path=" + (*folder_ / "tsdb").string(),
                  "--web.listen-address=127.0.0.1:" + std::to_string(port)};
  request.log_file = *folder_ / "prometheus.log";
  const Process prometheus{std::move(request)};
  const auto ask = [&](const std::string& query) -> std::string {
    try {
      const auto answer = Json::parse(HttpClient{port}.get("/api/v1/query?query=" + query).body);
      const auto& result = answer["data"]["result"];
      return result.size() == 1 ? result[0]["value"][1].get<std::string>() : "";
    } catch (const std::exception&) {
      return "";
    }
  };
  const auto explain = [&] { return prometheus.log_tail(); };
  await_until(
      "the host is up", 60s, [&] { return ask("portoser_host_up") == "1"; }, explain);
  EXPECT_EQ(ask("portoser_service_up"), "1");
  EXPECT_GT(std::stod(ask("portoser_host_memory_total_bytes")), 0);
  EXPECT_GT(std::stod(ask("portoser_service_memory_bytes")), 0);
  EXPECT_EQ(ask("portoser_build_info"), "1");
  await_until(
      "the counters move",
      60s,
      [&] { return ask("sum(increase(http_requests_total[30s]))%3E0") != ""; },
      explain);
}

}  // namespace
}  // namespace portoser::test
