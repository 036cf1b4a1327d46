#include "controller/api/collector.h"

#include "controller/api/metrics_workers.h"
#include "controller/http/router.h"

#include <fmt/format.h>

#include <algorithm>

namespace portoser::api {

void CollectorApi::add_to(http::Router& router) {
  router.add({.path = "/api/metrics/collector/status", .summary = "How often hosts are measured"},
             *this,
             &CollectorApi::status);
  router.add({.method = http::Method::post,
              .path = "/api/metrics/collector/interval",
              .summary = "Measure all hosts that often from now on, also after a restart",
              .role = http::Role::admin,
              .errors = {Code::invalid, Code::unavailable},
              .query = {{"interval", "seconds, 1 to 300; must be given", "integer"}}},
             *this,
             &CollectorApi::set_interval);
}

CollectorView CollectorApi::status(http::Call<void>) {
  CollectorView view;
  view.interval = collection_.whole_seconds();
  view.task_timeout = collection_.whole_seconds(3);
  view.registry_path = registry_path_;
  std::optional<Time> newest;
  const auto hosts = live_.hosts();
  view.running = is_collecting(hosts, clock_.now());
  for (const auto& [host, entry] : hosts) {
    if (entry->liveness == fleet::Liveness::online) ++view.max_concurrent;
    if (entry->sample) newest = newest ? std::max(*newest, entry->sample_at) : entry->sample_at;
  }
  for (const auto& [host, count] : live_.heartbeats()) {
    view.statistics.successful_collections += static_cast<std::int64_t>(count.ok);
    view.statistics.failed_collections += static_cast<std::int64_t>(count.error);
  }
  view.statistics.total_collections =
      view.statistics.successful_collections + view.statistics.failed_collections;
  view.statistics.last_collection_time = newest;
  return view;
}

asio::awaitable<IntervalAnswer> CollectorApi::set_interval(http::Call<void> call) {
  constexpr std::int64_t missing = 0;  // and refused like any other that is none
  const auto seconds = call.query_int("interval", missing, 1, 300);
  auto work = collection_.set_interval(std::chrono::seconds{seconds});
  co_await on_executor(core_, std::move(work));
  IntervalAnswer answer;
  answer.interval = seconds;
  answer.message = fmt::format("Collection interval updated to {} seconds", seconds);
  co_return answer;
}

}  // namespace portoser::api
