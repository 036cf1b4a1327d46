#include "controller/api/metrics_state.h"

#include "common/describe_json.h"
#include "controller/api/kept_answer.h"
#include "controller/api/placed_service.h"
#include "controller/http/router.h"
#include "controller/telemetry/host_health.h"
#include "controller/telemetry/service_view.h"

#include <fmt/format.h>

#include <algorithm>

namespace portoser::api {
namespace {

double seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

/// A store that is away for some attempts is nothing to call somebody for.
constexpr std::chrono::minutes store_may_be_away{5};

bool store_is_away(const telemetry::RemoteWriteStats& stats, Time now) {
  return stats.failing_since && now - *stats.failing_since >= store_may_be_away;
}

MachineHealth machine_health(const std::string& host, const telemetry::HostHealth& found) {
  MachineHealth row;
  row.machine = host;
  row.status = found.status;
  row.last_success = found.last_success;
  row.last_failure = found.last_failure;
  row.consecutive_failures = found.consecutive_failures;
  row.response_time_ms = found.round_trip_ms;
  row.sample_age_seconds = found.sample_age_seconds;
  if (!found.error.empty()) row.error_message = found.error;
  return row;
}

/// What stands at a key; nothing when it is not there.
template <class Map>
std::optional<typename Map::mapped_type> value_at(const Map& map, const std::string& key) {
  const auto found = map.find(key);
  return found == map.end() ? std::nullopt : std::optional{found->second};
}

/// What was received and is not kept, for whatever reason.
DropsHealth drops_of(const fleet::GatewayStats& gateway, const telemetry::SeriesStats& series) {
  DropsHealth drops;
  drops.messages = static_cast<std::int64_t>(
      gateway.dropped_malformed + gateway.dropped_too_large + gateway.dropped_unknown_type +
      gateway.dropped_not_admitted + gateway.dropped_own_route);
  drops.values = static_cast<std::int64_t>(series.dropped_values);
  return drops;
}

http::Response response_of_lines(std::string lines) {
  http::Response response;
  response.content_type = "application/x-ndjson";
  response.headers.emplace_back("Cache-Control", "no-cache");
  response.headers.emplace_back("X-Accel-Buffering", "no");
  response.body = std::move(lines);
  return response;
}

}  // namespace

void MetricsStateApi::add_to(http::Router& router) {
  router.add<ServicePlaces>(
      {.path = "/api/metrics/services", .summary = "On which hosts each service is"},
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

http::Response MetricsStateApi::services(http::Call<void>) {
  ServicePlaces services;
  const auto registry = registry_.snapshot()->registry;
  for (const auto& service : registry->services()) {
    if (service.current_host) services[service.name].push_back(*service.current_host);
  }
  constexpr std::chrono::minutes seldom_moved{5};
  return kept_by_client(http::json_response(dump(Json(services))), seldom_moved);
}

http::Response MetricsStateApi::stream(http::Call<void>) {
  const auto registry = registry_.snapshot()->registry;
  const auto& hosts = registry->hosts();
  std::string lines;
  const auto add = [&lines](const Json& line) { lines += dump(line) + "\n"; };
  if (hosts.empty()) {
    add({{"error", "No machines found"}, {"code", "NO_MACHINES"}});
    return response_of_lines(std::move(lines));
  }
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
  return response_of_lines(std::move(lines));
}

WorkersView MetricsStateApi::workers(http::Call<void>) {
  WorkersView view;
  view.workers["device_health_monitor"] =
      presence_worker(fleet_.devices()->size(), clock_.uptime() - fleet_.presence_checked_at());
  view.workers["metrics_queue"] = queue_worker(database_.stats());
  view.workers["metrics_collector"] = collector_worker(live_.hosts(), clock_.now());
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

MetricsHealth MetricsStateApi::health(http::Call<void>) {
  const auto began = clock_.uptime();
  const auto now = clock_.now();
  MetricsHealth health;
  health.timestamp = now;
  bool degraded = false;
  bool unhealthy = false;
  std::size_t unknown = 0;
  const auto registry = registry_.snapshot()->registry;
  const auto heartbeats = live_.heartbeats();
  const auto round_trips = fleet_.round_trips();
  for (const auto& host : registry->hosts()) {
    const auto live = live_.host(host.name);
    const auto counted = value_at(heartbeats, host.name).value_or(telemetry::Live::Heartbeats{});
    auto row = machine_health(
        host.name,
        telemetry::health_of(
            live.get(), counted, value_at(round_trips, host.name), collection_.interval(), now));
    degraded = degraded || row.status == "degraded";
    unhealthy = unhealthy || row.status == "unhealthy";
    if (row.status == "unknown") ++unknown;
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
  health.cache.ttl_seconds = MetricsApi::kept_for.count();
  health.cache.oldest_entry_age_seconds = kept.age_seconds;
  health.collector_running = is_collecting(live_.hosts(), now);
  health.drops = drops_of(fleet_.gateway_stats(), series_.stats());
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
  // Without any host there is nothing that could be ill, so that is healthy.
  const bool knows_none = unknown > 0 && unknown == health.machine_details.size();
  health.status = unhealthy    ? "unhealthy"
                  : degraded   ? "degraded"
                  : knows_none ? "unknown"
                               : "healthy";
  health.collection_interval_seconds = collection_.whole_seconds();
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
  const bool of_service = !answer.all && !answer.service.empty() && !answer.machine.empty();
  if (answer.all) {
    for (const auto& host : registry->hosts()) hosts.push_back(host.name);
  } else if (of_service) {
    require_placed(*registry, answer.service, answer.machine, "body");
    hosts.push_back(answer.machine);
  } else if (!answer.machine.empty()) {
    hosts.push_back(registry->require_host(answer.machine, "body.machine").name);
  } else {
    throw Error{Code::bad_request, "nothing was named to take a snapshot of", "body"}.hint(
        "send {\"all\":true}, or a machine, or a service and its machine");
  }
  co_await series_.write_log();
  std::vector<std::string> silent;
  for (const auto& name : hosts) {
    const auto host = live_.host(name);
    if (telemetry::metrics_status_of(host.get(), clock_.now()).status != "ok") {
      silent.push_back(name);
    } else if (of_service && !telemetry::usage_of(answer.service, *host)) {
      silent.push_back(answer.service);
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
