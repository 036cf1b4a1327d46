#include "controller/api/metrics_state.h"

#include "common/describe_json.h"
#include "controller/http/router.h"
#include "controller/telemetry/service_view.h"

#include <fmt/format.h>

#include <algorithm>

namespace portoser::api {
namespace {

double seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

WorkerView running(std::string description) {
  return {true, "running", std::move(description)};
}

/// A store that is away for some attempts is nothing to call somebody for.
constexpr std::chrono::minutes store_may_be_away{5};

bool store_is_away(const telemetry::RemoteWriteStats& stats, Time now) {
  return stats.failing_since && now - *stats.failing_since >= store_may_be_away;
}

WorkerView remote_write_worker(const telemetry::RemoteWriteStats& stats) {
  if (!stats.is_on) return {false, "disabled", "remote_write.url is not set"};
  if (stats.last_problem.empty()) {
    return running(fmt::format("sends samples to a store, {} wait", stats.waiting.samples));
  }
  return {true,
          "failing",
          fmt::format("{} samples wait, {} were dropped; the store: {}",
                      stats.waiting.samples,
                      stats.refused + stats.given_up + stats.not_stored + stats.damaged,
                      stats.last_problem)};
}

std::string health_word(telemetry::HostStanding standing) {
  switch (standing) {
    case telemetry::HostStanding::online:
      return "healthy";
    case telemetry::HostStanding::stale:
    case telemetry::HostStanding::failing:
      return "degraded";
    case telemetry::HostStanding::offline:
      return "unhealthy";
    case telemetry::HostStanding::unknown:
      break;
  }
  return "unknown";
}

}  // namespace

void MetricsStateApi::add_to(http::Router& router) {
  router.add({.path = "/api/metrics/services", .summary = "On which hosts each service is"},
             *this,
             &MetricsStateApi::services);
  router.add<void>({.path = "/api/metrics/all/stream",
                    .summary = "Present values of every host, a line of JSON each",
                    .text_type = "application/x-ndjson"},
                   *this,
                   &MetricsStateApi::stream);
  router.add({.path = "/api/metrics/workers/status", .summary = "What works in the background"},
             *this,
             &MetricsStateApi::workers);
  router.add({.path = "/api/metrics/cache/stats", .summary = "The answer that is kept ready"},
             *this,
             &MetricsStateApi::cache);
  router.add({.method = http::Method::post,
              .path = "/api/metrics/cache/clear",
              .summary = "Make the kept answer anew",
              .role = http::Role::admin},
             *this,
             &MetricsStateApi::clear_cache);
  router.add({.path = "/api/metrics/health", .summary = "How measuring stands, host by host"},
             *this,
             &MetricsStateApi::health);
  router.add({.method = http::Method::delete_,
              .path = "/api/metrics/cleanup",
              .summary = "Delete what was measured more than some days ago",
              .role = http::Role::admin,
              .errors = {Code::invalid, Code::unavailable},
              .query = {{"days", "1 to 365; 30 unless given", "integer"}}},
             *this,
             &MetricsStateApi::clean_up);
  router.add({.method = http::Method::post,
              .path = "/api/metrics/snapshot",
              .summary = "Store what was measured so far, and say whether it is of now",
              .role = http::Role::operator_,
              .errors = {Code::not_found, Code::unavailable}},
             *this,
             &MetricsStateApi::snapshot);
}

std::map<std::string, std::vector<std::string>> MetricsStateApi::services(http::Call<void>) {
  std::map<std::string, std::vector<std::string>> services;
  const auto registry = registry_.snapshot()->registry;
  for (const auto& service : registry->services()) {
    if (service.current_host) services[service.name].push_back(*service.current_host);
  }
  return services;
}

http::Response MetricsStateApi::stream(http::Call<void>) {
  const auto registry = registry_.snapshot()->registry;
  const auto& hosts = registry->hosts();
  std::string lines;
  const auto add = [&lines](const Json& line) { lines += dump(line) + "\n"; };
  add({{"type", "status"},
       {"message", fmt::format("{} hosts", hosts.size())},
       {"total", hosts.size()}});
  std::size_t progress = 0;
  for (const auto& host : hosts) {
    ++progress;
    const auto row = machine_metrics(*registry, host.name, live_, clock_.now());
    if (row.status == "error") {
      add({{"type", "error"},
           {"machine", host.name},
           {"error", row.error},
           {"progress", progress},
           {"total", hosts.size()}});
    } else {
      add({{"type", "data"},
           {"machine", host.name},
           {"data", to_json(row)},
           {"progress", progress},
           {"total", hosts.size()}});
    }
  }
  add({{"type", "complete"}, {"message", "that is all"}});
  http::Response response;
  response.content_type = "application/x-ndjson";
  response.headers.emplace_back("Cache-Control", "no-cache");
  response.headers.emplace_back("X-Accel-Buffering", "no");
  response.body = std::move(lines);
  return response;
}

WorkersView MetricsStateApi::workers(http::Call<void>) {
  WorkersView view;
  view.workers["device_health_monitor"] = running("follows the connection of every agent");
  auto& queue = view.workers["metrics_queue"] = running("writes into the database");
  if (const auto problem = database_.stats().problem) {
    queue.status = "failing";
    queue.description = problem->message;
  }
  view.workers["metrics_collector"] = running("agents measure and send by themselves");
  view.workers["remote_write"] = remote_write_worker(remote_write_.stats());
  view.workers["metrics_prefetcher"] =
      WorkerView{false, "disabled", "not needed: answers come from memory"};
  return view;
}

CacheStats MetricsStateApi::cache(http::Call<void>) {
  const auto kept = metrics_.kept();
  CacheStats stats;
  stats.cache_size = kept.is_there ? 1 : 0;
  stats.active_entries = kept.is_there && !kept.is_old ? 1 : 0;
  stats.expired_entries = kept.is_there && kept.is_old ? 1 : 0;
  stats.cache_ttl = seconds(MetricsApi::kept_for);
  return stats;
}

CacheCleared MetricsStateApi::clear_cache(http::Call<void>) {
  CacheCleared cleared;
  cleared.entries_cleared = metrics_.forget() ? 1 : 0;
  cleared.message = fmt::format("Cleared {} cache entries", cleared.entries_cleared);
  return cleared;
}

MachineHealth MetricsStateApi::health_of(const std::string& host, Time now) const {
  const auto entry = live_.host(host);
  MachineHealth health;
  health.machine = host;
  health.status = health_word(telemetry::standing_of(entry.get(), now));
  if (!entry || !entry->sample) return health;
  const auto status = telemetry::metrics_status_of(entry.get(), now);
  health.sample_age_seconds = status.age_seconds;
  if (telemetry::is_whole(*entry->sample)) {
    health.last_success = entry->sample_at;
  } else {
    health.last_failure = entry->sample_at;
    health.consecutive_failures = 1;
  }
  if (!status.error.empty()) health.error_message = status.error;
  return health;
}

MetricsHealth MetricsStateApi::health(http::Call<void>) {
  const auto began = clock_.uptime();
  const auto now = clock_.now();
  MetricsHealth health;
  health.timestamp = now;
  bool degraded = false;
  bool unhealthy = false;
  const auto registry = registry_.snapshot()->registry;
  for (const auto& host : registry->hosts()) {
    auto row = health_of(host.name, now);
    degraded = degraded || row.status == "degraded";
    unhealthy = unhealthy || row.status == "unhealthy";
    health.machines[host.name] = row.status;
    health.machine_details.push_back(std::move(row));
  }
  const auto kept = metrics_.kept();
  health.cache.total_entries = kept.is_there ? 1 : 0;
  health.cache.total_hits = static_cast<std::int64_t>(kept.hits);
  health.cache.total_misses = static_cast<std::int64_t>(kept.misses);
  health.cache.total_requests = health.cache.total_hits + health.cache.total_misses;
  if (health.cache.total_requests > 0) {
    health.cache.hit_rate = static_cast<double>(health.cache.total_hits) /
                            static_cast<double>(health.cache.total_requests);
  }
  health.cache.ttl_seconds = seconds(MetricsApi::kept_for);
  health.cache.oldest_entry_age_seconds = kept.age_seconds;
  const auto database = database_.stats();
  health.queue.depth = static_cast<std::int64_t>(database.queue_depth);
  health.queue.max_depth = static_cast<std::int64_t>(storage::DatabaseOptions{}.queue_limit);
  health.queue.utilization =
      static_cast<double>(health.queue.depth) / static_cast<double>(health.queue.max_depth);
  if (const auto running_for = seconds(began - started_); running_for > 0) {
    health.queue.processing_rate = static_cast<double>(database.items) / running_for;
  }
  constexpr double crowded = 0.7;
  unhealthy = unhealthy || database.problem != nullptr;
  degraded =
      degraded || health.queue.utilization > crowded || store_is_away(remote_write_.stats(), now);
  health.status = unhealthy ? "unhealthy" : degraded ? "degraded" : "healthy";
  health.collection_interval_seconds = seconds(collection_.interval());
  constexpr double milliseconds = 1000;
  health.response_time_ms = milliseconds * seconds(clock_.uptime() - began);
  return health;
}

asio::awaitable<Done> MetricsStateApi::clean_up(http::Call<void> call) {
  const auto days = call.query_int("days", 30, 1, 365);
  co_await series_.delete_before(clock_.now() - std::chrono::hours{24 * days});
  Done done;
  done.message = fmt::format("Cleaned up metrics older than {} days", days);
  co_return done;
}

asio::awaitable<MetricsSnapshot> MetricsStateApi::snapshot(http::Call<MetricsSnapshot> call) {
  auto answer = std::move(call.body);
  const auto registry = registry_.snapshot()->registry;
  std::vector<std::string> hosts;
  if (answer.all) {
    for (const auto& host : registry->hosts()) hosts.push_back(host.name);
  } else if (!answer.machine.empty()) {
    hosts.push_back(registry->require_host(answer.machine, "body.machine").name);
    if (!answer.service.empty()) {
      static_cast<void>(registry->require_service(answer.service, "body.service"));
    }
  } else {
    throw Error{Code::bad_request, "nothing was named to take a snapshot of", "body"}.hint(
        "send {\"all\":true}, or a machine, or a service and its machine");
  }
  co_await series_.write_log();
  std::vector<std::string> silent;
  for (const auto& host : hosts) {
    if (telemetry::metrics_status_of(live_.host(host).get(), clock_.now()).status != "ok") {
      silent.push_back(host);
    }
  }
  answer.status = silent.empty() ? "completed" : "failed";
  answer.message = silent.empty() ? std::string{"Metrics snapshot collected successfully"}
                                  : fmt::format(
                                        "Failed to collect metrics snapshot: {} cannot be "
                                        "measured now",
                                        fmt::join(silent, ", "));
  co_return answer;
}

}  // namespace portoser::api
