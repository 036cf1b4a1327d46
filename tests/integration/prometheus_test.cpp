// Debian's Prometheus scrapes the controller and is asked by PromQL: what the API says, what every
// panel of the dashboard and every alert asks, and what it tells when something fails.

#include "common/file.h"
#include "tests/integration/scraped_fleet.h"
#include "tests/support/await.h"
#include "tests/support/exposition_parser.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <set>
#include <utility>
#include <vector>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

using testing::Not;

const std::filesystem::path monitoring = PORTOSER_CHECKOUT "/packaging/monitoring";
constexpr const char* openmetrics_type =
    "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// They share one fleet; what breaks it comes last.
class Scrape : public testing::Test {
 protected:
  static void SetUpTestSuite() { fleet_ = std::make_unique<ScrapedFleet>(monitoring); }
  static void TearDownTestSuite() { fleet_.reset(); }

  static HttpAnswer page(const Headers& headers = {}) {
    return HttpClient{fleet_->controller().port()}.get("/metrics", headers);
  }
  /// The names that samples of the page may have.
  static std::set<std::string> names_on_page() {
    std::set<std::string> names{"up"};  // of Prometheus itself
    for (const auto& [name, family] : parse_exposition(page().body, ExpositionFormat::text)) {
      if (family.type != "histogram") {
        names.insert(name);
        continue;
      }
      for (const auto* ending : {"_bucket", "_sum", "_count"}) names.insert(name + ending);
    }
    return names;
  }
  static void expect_known_families(const std::string& expression) {
    static const auto names = names_on_page();
    const auto selectors = selectors_of(expression);
    EXPECT_FALSE(selectors.empty()) << expression;
    for (const auto& selector : selectors) {
      const auto name = selector.substr(0, selector.find('{'));
      EXPECT_TRUE(names.contains(name)) << name << " in " << expression << " is no family of ours";
    }
  }
  static Json alert(const std::string& name) {
    const auto answer = fleet_->prometheus("/api/v1/alerts");
    for (const auto& one : answer["alerts"]) {
      if (one["labels"]["alertname"] == name) return one;
    }
    return nullptr;
  }

  static std::unique_ptr<ScrapedFleet> fleet_;
};

std::unique_ptr<ScrapedFleet> Scrape::fleet_;

TEST_F(Scrape, PromtoolHasNothingToSay) {
  for (const auto* path : {"/metrics", "/api/metrics?format=prometheus", "/api/devices/metrics"}) {
    const auto answer = HttpClient{fleet_->controller().port()}.get(path);
    EXPECT_EQ(answer.header("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
    EXPECT_EQ(answer.header("Cache-Control"), "no-store");
    EXPECT_NO_THROW(parse_exposition(answer.body, ExpositionFormat::text));
    write_file_atomic(fleet_->folder() / "metrics.txt", answer.body);
    CommandOptions options;
    options.input_file = fleet_->folder() / "metrics.txt";
    const auto result = run_command({"promtool", "check", "metrics"}, options);
    EXPECT_EQ(result.exit_status, 0);
    EXPECT_EQ(result.output, "");
  }
}

TEST_F(Scrape, PrometheusTakesOpenMetrics) {
  // What Prometheus 2.42 sends.
  const auto answer =
      page({{"Accept",
             "application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
             "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"}});
  EXPECT_EQ(answer.header("Content-Type"), openmetrics_type);
  EXPECT_NO_THROW(parse_exposition(answer.body, ExpositionFormat::openmetrics));
  // Only OpenMetrics tells units.
  const auto told = fleet_->prometheus("/api/v1/metadata?metric=uptime_seconds");
  EXPECT_EQ(told["uptime_seconds"][0]["unit"], "seconds") << told;
  const auto targets = fleet_->prometheus("/api/v1/targets");
  ASSERT_EQ(targets["activeTargets"].size(), 1U);
  EXPECT_EQ(targets["activeTargets"][0]["health"], "up") << targets;
  EXPECT_EQ(targets["activeTargets"][0]["lastError"], "");
}

/// Questions in PromQL and the same to the API.
TEST_F(Scrape, PromQlSaysWhatTheApiSays) {
  auto& controller = fleet_->controller();
  // Prometheus asks first once somebody has scraped; a minute later at most it is computed.
  fleet_->await_answer("portoser_service_availability_ratio{window=\"24h\"}");
  struct Question {
    std::string promql;
    std::function<double()> api;
    double tolerance = 0;  ///< of what moves between the two questions
  };
  const auto brick = [&] { return controller.get("/api/metrics/machine/brick").body; };
  const auto device = [&] { return controller.get("/api/devices").body["devices"][0]; };
  const auto service = [&](const char* member) {
    return brick()["services"][0][member].get<double>();
  };
  const auto total = brick()["memory_total"].get<double>();
  const std::vector<Question> questions{
      {"portoser_host_memory_total_bytes", [&] { return total; }},
      {"portoser_host_memory_used_bytes",
       [&] { return brick()["memory_used"].get<double>(); },
       total / 10},
      {"portoser_host_disk_total_bytes", [&] { return brick()["disk_total"].get<double>(); }},
      {"portoser_host_disk_used_bytes",
       [&] { return brick()["disk_used"].get<double>(); },
       brick()["disk_total"].get<double>() / 50},
      {"count(portoser_service_up == 1)",
       [&] {
         const auto row = controller.row("/api/services", "services", "notes");
         return row["status"] == "running" ? 1 : 0;
       }},
      {"portoser_service_memory_bytes", [&] { return service("memory_used"); }, 32e6},
      {"device_resources{resource_type=\"cpu_cores\"}",
       [&] { return device()["resources"]["cpu_cores"].get<double>(); }},
      {"sum(devices_online)", [&] { return device()["status"] == "online" ? 1 : 0; }},
      {"100 * portoser_service_availability_ratio{window=\"24h\"}",
       [&] {
         const auto told = controller.get("/api/uptime/notes/brick?days=1");
         return told.body["availability_percent"].get<double>();
       },
       0.1},
      {"portoser_uptime_events_total{event_type=\"start\"}",
       [&] {
         const auto types = types_of(controller.events_of("notes", 0));
         return static_cast<double>(std::count(types.begin(), types.end(), "start"));
       }},
      {"portoser_jobs_finished_total{kind=\"start\",state=\"succeeded\"}",
       [&] {
         const auto jobs = controller.get("/api/jobs?state=succeeded");
         return static_cast<double>(jobs.body["jobs"].size());
       }},
  };
  for (const auto& question : questions) {
    std::string last = "no answer";
    const auto agrees = [&] {
      const auto told = fleet_->value(question.promql);
      const auto wanted = question.api();
      if (told) last = fmt::format("Prometheus says {}, the API {}", *told, wanted);
      return told && std::fabs(*told - wanted) <= question.tolerance;
    };
    EXPECT_NO_THROW(await_until(question.promql, 20s, agrees, [&] { return last; }));
  }
  const auto health = controller.get("/health").body;
  const auto build = fleet_->ask("portoser_build_info");
  ASSERT_EQ(build.size(), 1U);
  EXPECT_EQ(build[0].labels["version"], health["version"]);
}

/// Counters only rise: what Prometheus has lies between what the API said before and says after.
TEST_F(Scrape, TrafficInPromQlLiesBetweenTwoAnswersOfTheApi) {
  const auto told_by_api = [](const char* member) {
    return fleet_->controller().get("/api/metrics/machine/brick").body[member].get<double>();
  };
  const std::vector<std::pair<const char*, const char*>> questions{
      {"sum(portoser_network_receive_bytes_total)", "network_rx_bytes"},
      {"sum(portoser_network_transmit_bytes_total)", "network_tx_bytes"}};
  for (const auto& [promql, member] : questions) {
    const auto before = told_by_api(member);
    EXPECT_GT(before, 0) << member;
    std::string last = "no answer";
    const auto lies_between = [&] {
      const auto told = fleet_->value(promql);
      const auto after = told_by_api(member);
      if (told) last = fmt::format("Prometheus says {}, the API {} to {}", *told, before, after);
      return told && before <= *told && *told <= after;
    };
    EXPECT_NO_THROW(await_until(promql, 20s, lies_between, [&] { return last; }));
  }
}

/// The use of a processor is another in each sample, so each value of Prometheus has to be one that
/// the API has told.
TEST_F(Scrape, CpuInPromQlIsWhatTheApiTold) {
  std::set<double> host_by_api;
  std::set<double> service_by_api;
  std::set<double> host_by_both;
  bool is_service_told = false;
  const auto is_in = [](const std::set<double>& all, double value) {
    constexpr double rounding = 1e-9;
    const auto found = all.lower_bound(value - rounding);
    return found != all.end() && *found <= value + rounding;
  };
  const auto have_met = [&] {
    const auto row = fleet_->controller().get("/api/metrics/machine/brick").body;
    if (row["cpu_percent"].is_number()) host_by_api.insert(row["cpu_percent"].get<double>());
    const auto& of_service = row["services"][0]["cpu_percent"];
    if (of_service.is_number()) service_by_api.insert(of_service.get<double>());
    const auto host = fleet_->value("portoser_host_cpu_percent");
    if (host && is_in(host_by_api, *host)) host_by_both.insert(*host);
    const auto service = fleet_->value("portoser_service_cpu_percent");
    is_service_told = is_service_told || (service && is_in(service_by_api, *service));
    return host_by_both.size() >= 3 && is_service_told;
  };
  EXPECT_NO_THROW(await_until("three values of one and the other", 60s, have_met, [&] {
    return fmt::format(
        "the API told {} values, Prometheus {} of them", host_by_api.size(), host_by_both.size());
  }));
}

TEST_F(Scrape, FramesOfSocketsMoveTheirCounter) {
  const std::string sent = R"(portoser_ws_messages_total{endpoint="/api/metrics/ws",type="sent"})";
  const auto before = fleet_->value(sent).value_or(0);
  SocketClient socket{fleet_->controller().port(), "/api/metrics/ws"};
  int frames = 0;  // a greeting, and the answers
  for (int i = 0; i < 3; ++i) {
    socket.send(R"({"action":"ping"})");
    for (std::string type; type != "pong"; ++frames) {
      const auto text = socket.receive();
      ASSERT_TRUE(text);
      type = Json::parse(*text)["type"];
    }
  }
  EXPECT_GE(frames, 3);
  await_until("they are counted", 30s, [&] { return fleet_->value(sent) == before + frames; });
}

TEST_F(Scrape, RequestsMoveTheirCounters) {
  const std::string mine = R"(http_requests_total{endpoint="/api/jobs/{id}",status="404"})";
  for (int i = 0; i < 3; ++i) fleet_->controller().get("/api/jobs/none");
  await_until("three requests are counted", 30s, [&] { return fleet_->value(mine) == 3; });
  EXPECT_FALSE(
      fleet_->ask("http_request_duration_seconds_count{endpoint=\"/api/jobs/{id}\"}").empty());
  EXPECT_TRUE(fleet_->ask("http_requests_total{endpoint=~\".*none.*\"}").empty())
      << "the template, never the path";
}

TEST_F(Scrape, EveryPanelOfTheDashboardHasData) {
  // Panels about WebSockets have nothing until somebody has opened one.
  SocketClient socket{fleet_->controller().port(), "/api/metrics/ws"};
  std::ifstream file{monitoring / "grafana-dashboard.json"};
  const auto dashboard = Json::parse(file);
  std::size_t asked = 0;
  for (const auto& panel : dashboard.at("panels")) {
    if (panel.at("type") == "row") continue;
    ASSERT_FALSE(panel.at("targets").empty()) << panel["title"];
    for (const auto& target : panel["targets"]) {
      const auto expression = with_variables(target.at("expr").get<std::string>());
      EXPECT_THAT(expression, Not(HasSubstr("$"))) << panel["title"];
      expect_known_families(expression);
      EXPECT_NO_THROW(fleet_->await_answer(expression)) << panel["title"];
      ++asked;
    }
  }
  EXPECT_GT(asked, 40U);
  for (const auto& variable : dashboard.at("templating").at("list")) {
    if (variable.at("type") != "query") continue;
    const auto query = with_variables(variable.at("query").at("query").get<std::string>());
    // label_values(selector, label)
    const auto selector = query.substr(query.find('(') + 1, query.rfind(',') - query.find('(') - 1);
    const auto label = query.substr(query.rfind(',') + 2, query.size() - query.rfind(',') - 3);
    const auto series = fleet_->await_answer(selector);
    EXPECT_TRUE(series[0].labels.contains(label)) << query;
  }
}

TEST_F(Scrape, EveryAlertAsksForFamiliesThatAreThere) {
  SocketClient socket{fleet_->controller().port(), "/api/metrics/ws"};
  fleet_->await_answer("portoser_ws_dropped_total");
  const auto groups = fleet_->prometheus("/api/v1/rules");
  std::size_t alerts = 0;
  for (const auto& group : groups["groups"]) {
    for (const auto& rule : group["rules"]) {
      ++alerts;
      const auto name = rule["name"].get<std::string>();
      EXPECT_EQ(rule["health"], "ok") << name << rule.value("lastError", "");
      for (const auto* text : {"summary", "description"}) {
        EXPECT_TRUE(rule["annotations"].contains(text)) << name;
      }
      EXPECT_THAT(rule["labels"]["severity"].get<std::string>(),
                  testing::AnyOf("critical", "warning"));
      const auto expression = rule["query"].get<std::string>();
      expect_known_families(expression);
      for (const auto& selector : selectors_of(expression)) {
        EXPECT_NO_THROW(fleet_->await_answer(selector)) << name;
      }
    }
  }
  EXPECT_GE(alerts, 25U);
}

TEST_F(Scrape, NothingIsWrongWhileAllIsWell) {
  const auto answer = fleet_->prometheus("/api/v1/alerts");
  for (const auto& alert : answer["alerts"]) {
    // Which the machine that tests may well have.
    const auto name = alert["labels"]["alertname"].get<std::string>();
    EXPECT_THAT(name,
                testing::AnyOf(HasSubstr("Disk"),
                               HasSubstr("Memory"),
                               HasSubstr("Swap"),
                               HasSubstr("Busy"),
                               HasSubstr("Clock"),
                               HasSubstr("SlowAnswers"),
                               HasSubstr("HeldBack")))
        << alert;
  }
  EXPECT_THAT(fleet_->prometheus_log(), Not(HasSubstr("Error on ingesting")));
  EXPECT_THAT(fleet_->prometheus_log(), Not(HasSubstr("append failed")));
}

TEST_F(Scrape, AServiceThatFailsAndAHostThatGoesRaiseAlerts) {
  const auto is_raised = [](const std::string& name) {
    return [name] { return alert(name).is_object(); };
  };
  fleet_->crash_service();
  await_until("the failure is counted", 30s, [] {
    return fleet_->value("portoser_uptime_events_total{event_type=\"failure\"}") == 1;
  });
  await_until("the service is down", 30s, [] { return fleet_->value("portoser_service_up") == 0; });
  await_until("its failure is an alert", 30s, is_raised("PortoserServiceFailed"));
  EXPECT_THAT(alert("PortoserServiceFailed")["annotations"]["summary"].get<std::string>(),
              HasSubstr("Service notes on brick failed"));
  fleet_->agent().stop();
  await_until("the host is down", 30s, [] { return fleet_->value("portoser_host_up") == 0; });
  await_until("that is an alert", 30s, is_raised("PortoserHostOffline"));
  await_until("what the host had measured is gone", 30s, [] {
    return fleet_->ask("portoser_host_cpu_percent").empty() &&
           fleet_->ask("portoser_agent_rtt_seconds").empty() &&
           fleet_->ask("portoser_service_up").empty();
  });
}

}  // namespace
}  // namespace portoser::test
