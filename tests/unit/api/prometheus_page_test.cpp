// The Prometheus page as a whole: what is on it, in which format, and that all of it moves.

#include "tests/support/exposition_parser.h"
#include "tests/unit/api/api_fixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <deque>
#include <optional>
#include <set>
#include <thread>

namespace portoser::api {
namespace {

using namespace std::chrono_literals;
using test::ExpositionFormat;
using test::value_of;

class PrometheusPage : public ApiTest {
 protected:
  test::ParsedPage page(std::string_view accept = {}) {
    const auto answer = ask("/metrics", accept);
    const bool is_open = answer.content_type.starts_with("application/openmetrics-text");
    return test::parse_exposition(answer.text(),
                                  is_open ? ExpositionFormat::openmetrics : ExpositionFormat::text);
  }
  double value(const std::string& name, const std::map<std::string, std::string>& labels = {}) {
    return value_of(page(), name, labels);
  }

  /// Who has asked for the page and need not have it yet.
  struct Asked {
    Asked(const http::Router& router, std::string_view accept) {
      request.set_target("/metrics");
      if (!accept.empty()) request.add_header("Accept", accept);
      router.find(request, match);
    }
    http::Request request;
    http::Match match;
    std::optional<http::Response> answer;
  };
  void ask_for(Asked& asked) {
    const auto* endpoint = asked.match.endpoint;
    const http::CallContext call{asked.request, endpoint->parameters, asked.match.values};
    asio::co_spawn(context_,
                   endpoint->later(call),
                   [&asked](const std::exception_ptr& failure, http::Response answer) {
                     EXPECT_FALSE(failure);
                     asked.answer = std::move(answer);
                   });
    context_.restart();
    context_.poll();
  }
  /// No page is made until it is set.
  std::shared_ptr<std::atomic<bool>> hold() {
    auto go_on = std::make_shared<std::atomic<bool>>(false);
    asio::post(prometheus_->executor(), [go_on] {
      while (!go_on->load()) std::this_thread::yield();
    });
    return go_on;
  }
};

constexpr const char* openmetrics =
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

TEST_F(PrometheusPage, IsInTheFormatThatTheClientAccepts) {
  constexpr auto* text_type = "text/plain; version=0.0.4; charset=utf-8";
  EXPECT_EQ(ask("/metrics").content_type, text_type);
  EXPECT_EQ(ask("/metrics", "*/*").content_type, text_type);
  EXPECT_EQ(ask("/metrics", openmetrics).content_type,
            "application/openmetrics-text; version=1.0.0; charset=utf-8");
  EXPECT_EQ(ask("/api/devices/metrics", openmetrics).content_type,
            "application/openmetrics-text; version=1.0.0; charset=utf-8");
  EXPECT_EQ(ask("/api/metrics?format=prometheus", openmetrics).content_type, text_type)
      << "who asks for it by name gets what that name has always meant";
  EXPECT_EQ(ask("/api/metrics?format=json", openmetrics).content_type, "");
}

TEST_F(PrometheusPage, HasTheSameSeriesInBothFormats) {
  requests_.request_done(http::Method::get, "/api/services", 200, 3ms);
  requests_.socket_opened("/ws");
  tell_of_notes(3);
  const auto names = [](const test::ParsedPage& page) {
    std::set<std::string> all;
    for (const auto& [name, family] : page) {
      for (const auto& sample : family.samples) {
        auto text = sample.name;
        for (const auto& [label, content] : sample.labels) {
          text.append("|").append(label).append("=").append(content);
        }
        all.insert(text);
      }
    }
    return all;
  };
  EXPECT_EQ(names(page()), names(page(openmetrics)));
  EXPECT_GT(names(page()).size(), 100U);
}

TEST_F(PrometheusPage, HasEveryFamilyThatDashboardsAskFor) {
  const auto all = page();
  for (const auto* name : {"http_requests_total",
                           "http_request_duration_seconds",
                           "cache_operations_total",
                           "cache_hit_rate",
                           "cache_size_bytes",
                           "errors_total",
                           "error_rate",
                           "queue_depth",
                           "queue_operations_total",
                           "queue_processing_duration_seconds",
                           "db_query_duration_seconds",
                           "db_connections",
                           "metrics_ingested_total",
                           "active_users",
                           "system_info",
                           "uptime_seconds",
                           "devices_registered_total",
                           "devices_online",
                           "portoser_devices",
                           "registration_duration_seconds",
                           "registry_lock_wait_seconds",
                           "device_deregistrations_total",
                           "device_updates_total",
                           "registry_operations_total",
                           "registry_validation_errors_total",
                           "registry_size_bytes",
                           "registry_backup_age_seconds",
                           "device_heartbeats_total",
                           "device_last_seen_seconds",
                           "device_resources",
                           "portoser_host_up",
                           "portoser_host_cpu_percent",
                           "portoser_host_memory_used_bytes",
                           "portoser_host_memory_total_bytes",
                           "portoser_host_disk_used_bytes",
                           "portoser_host_disk_total_bytes",
                           "portoser_host_network_receive_bytes_total",
                           "portoser_host_network_transmit_bytes_total",
                           "portoser_service_up",
                           "portoser_service_cpu_percent",
                           "portoser_service_memory_bytes",
                           "portoser_service_availability_ratio",
                           "portoser_uptime_events_total",
                           "portoser_agent_last_sample_age_seconds",
                           "portoser_agent_rtt_seconds",
                           "portoser_ws_connections",
                           "portoser_ws_messages_total",
                           "portoser_ws_dropped_total",
                           "portoser_build_info"}) {
    EXPECT_TRUE(all.contains(name)) << name;
  }
}

TEST_F(PrometheusPage, CountsRequestsAndThoseWeFailed) {
  EXPECT_TRUE(std::isnan(value("error_rate"))) << "of no requests there is no share";
  requests_.request_done(http::Method::get, "/api/services/{service}", 200, 3ms);
  requests_.request_done(http::Method::get, "/api/services/{service}", 404, 3ms);
  requests_.request_done(http::Method::get, "/api/services/{service}", 503, 700ms);
  requests_.request_done(http::Method::get, "/ping", 200, 1ms);
  EXPECT_EQ(value("error_rate"), 25);
  EXPECT_EQ(
      value("http_requests_total", {{"endpoint", "/api/services/{service}"}, {"status", "503"}}),
      1);
  EXPECT_EQ(value("http_request_duration_seconds_bucket",
                  {{"endpoint", "/api/services/{service}"}, {"le", "0.5"}}),
            2);
}

TEST_F(PrometheusPage, CountsUsersOfTheLastFiveMinutes) {
  EXPECT_EQ(value("active_users"), 0);
  const auto now = clock_.uptime();
  requests_.user_seen("ann", now - 6min);
  requests_.user_seen("bob", now - 4min);
  requests_.user_seen("cleo", now);
  EXPECT_EQ(value("active_users"), 2);
  requests_.user_seen("ann", now);
  EXPECT_EQ(value("active_users"), 3);
}

TEST_F(PrometheusPage, TellsOfTheAnswerThatIsKept) {
  EXPECT_TRUE(std::isnan(value("cache_hit_rate")));
  EXPECT_EQ(value("cache_size_bytes"), 0);
  const auto size = ask("/api/metrics/all").text().size();
  ask("/api/metrics/all");
  EXPECT_EQ(value("cache_operations_total", {{"result", "hit"}}), 1);
  EXPECT_EQ(value("cache_operations_total", {{"result", "miss"}}), 1);
  EXPECT_EQ(value("cache_hit_rate"), 50);
  EXPECT_EQ(value("cache_size_bytes"), size);
}

TEST_F(PrometheusPage, CountsJobsByHowTheyEnd) {
  EXPECT_EQ(value("portoser_jobs_finished_total", {{"kind", "start"}, {"state", "failed"}}), 0);
  storage::JobRecord job;
  job.kind = "start";
  job.started_at = clock_.now();
  job_counters_.job_started(job);
  job.state = "failed";
  job.finished_at = *job.started_at + 2s;
  job_counters_.job_finished(job);
  EXPECT_EQ(value("portoser_jobs_finished_total", {{"kind", "start"}, {"state", "failed"}}), 1);
  EXPECT_EQ(value("queue_operations_total", {{"queue_name", "jobs"}, {"operation", "finished"}}),
            1);
  EXPECT_EQ(value("queue_processing_duration_seconds_sum", {{"queue_name", "jobs"}}), 2);
}

TEST_F(PrometheusPage, TellsTheAvailabilityThatTheApiTells) {
  tell_of_notes(20);
  EXPECT_TRUE(std::isnan(value("portoser_service_availability_ratio", {{"window", "24h"}})))
      << "nobody has computed it yet";
  run(availability_->compute());
  const auto told = get("/api/uptime/notes/brick?days=1");
  ASSERT_TRUE(told["availability_percent"].is_number()) << told;
  EXPECT_NEAR(value("portoser_service_availability_ratio", {{"window", "24h"}}),
              told["availability_percent"].get<double>() / 100,
              1e-4);
}

TEST_F(PrometheusPage, HasNoZeroForWhatADeviceHasNotSaid) {
  EXPECT_TRUE(std::isnan(value("device_resources", {{"resource_type", "cpu_cores"}})))
      << "brick has joined and never connected";
}

TEST_F(PrometheusPage, UsesTheMemoryOfAPageThatIsDoneWith) {
  auto first = prometheus_->page(telemetry::Format::text);
  const auto* memory = first->data();
  const auto content = *first;
  const auto second = prometheus_->page(telemetry::Format::openmetrics);
  EXPECT_NE(second->data(), memory);
  EXPECT_EQ(*first, content) << "somebody still reads it";
  first.reset();
  EXPECT_EQ(prometheus_->page(telemetry::Format::text)->data(), memory);
}

TEST_F(PrometheusPage, IsNotMadeOnTheThreadThatAsks) {
  const auto go_on = hold();
  Asked asked{router_, ""};
  ask_for(asked);
  EXPECT_FALSE(asked.answer) << "it waits, and nothing waits for it";
  go_on->store(true);
  step_until([&] { return asked.answer.has_value(); });
}

TEST_F(PrometheusPage, IsOneForAllWhoWaitForTheFormat) {
  const auto go_on = hold();
  std::deque<Asked> asked;
  for (int i = 0; i < 6; ++i) ask_for(asked.emplace_back(router_, i % 2 == 0 ? "" : openmetrics));
  requests_.user_seen("ann", clock_.uptime());
  go_on->store(true);
  step_until([&] {
    return std::all_of(
        asked.begin(), asked.end(), [](const Asked& one) { return one.answer.has_value(); });
  });
  const auto page_of = [&](std::size_t i) { return asked[i].answer->shared_body; };
  for (const std::size_t i : {2U, 3U, 4U, 5U}) EXPECT_EQ(page_of(i), page_of(i % 2)) << i;
  EXPECT_NE(page_of(0), page_of(1));
  EXPECT_THAT(*page_of(4), testing::HasSubstr("active_users 1\n"));
  const auto held = page_of(4);
  EXPECT_NE(ask("/metrics").shared_body, held) << "who asks later gets what is true then";
}

TEST(PageDesk, GivesNobodyAPageThatWasBegunBeforeTheyAsked) {
  const auto desk = std::make_shared<PageDesk>();
  std::optional<PageDesk::Place> late;
  std::optional<PageDesk::Place> later;
  int made = 0;
  const auto make = [&] { return std::make_shared<const std::string>(std::to_string(++made)); };
  std::weak_ptr<const std::string> second;
  {
    PageDesk::Place first{desk};
    const auto page = first.take([&] {
      late.emplace(desk);
      later.emplace(desk);
      return make();
    });
    EXPECT_EQ(*page, "1");
  }
  {
    const auto page = late->take(make);
    EXPECT_EQ(*page, "2");
    second = page;
    late.reset();
    EXPECT_EQ(later->take(make), page);
  }
  EXPECT_FALSE(second.expired()) << "one waits still";
  later.reset();
  EXPECT_TRUE(second.expired());
}

TEST_F(PrometheusPage, CountsWhatTheDatabaseHasWritten) {
  const auto written = [&] {
    return value("queue_operations_total", {{"queue_name", "database"}, {"operation", "written"}});
  };
  const auto failed = [&] {
    return value("queue_operations_total", {{"queue_name", "database"}, {"operation", "failed"}});
  };
  const auto before = written();
  const auto failed_before = failed();
  EXPECT_GT(before, 0) << "the device that has joined";
  run(database_->write([](storage::Connection& /*on*/) {}));
  EXPECT_EQ(written(), before + 1);
  EXPECT_THROW(run(database_->write([](storage::Connection& /*on*/) {
                 throw Error{Code::invalid, "it does not work"};
               })),
               Error);
  EXPECT_EQ(failed(), failed_before + 1);
  EXPECT_EQ(written(), before + 1);
}

}  // namespace
}  // namespace portoser::api
