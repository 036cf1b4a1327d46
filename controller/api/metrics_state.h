/// /api/metrics: how measuring itself stands. The old backend collected, cached and queued; here
/// agents send and answers come from memory, so each word is filled from what plays its part.
#pragma once

#include "common/clock.h"
#include "common/describe_json.h"
#include "controller/api/metrics.h"
#include "controller/api/metrics_workers.h"
#include "controller/fleet/fleet.h"
#include "controller/http/call.h"
#include "controller/http/response.h"
#include "controller/registry/watch.h"
#include "controller/storage/database.h"
#include "controller/telemetry/collection.h"
#include "controller/telemetry/live.h"
#include "controller/telemetry/remote_write.h"
#include "controller/telemetry/series.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace portoser::http {
class Router;
}

namespace portoser::api {

/// The hosts that a service is assigned to.
using ServicePlaces = std::map<std::string, std::vector<std::string>>;

struct CacheStats {
  std::int64_t cache_size = 0;
  std::int64_t expired_entries = 0;
  std::int64_t active_entries = 0;
  double cache_ttl = 0;  ///< seconds
  std::int64_t inflight_requests = 0;
};
BOOST_DESCRIBE_STRUCT(CacheStats,
                      (),
                      (cache_size, expired_entries, active_entries, cache_ttl, inflight_requests))

struct CacheCleared {
  bool success = true;
  std::int64_t entries_cleared = 0;
  std::string message;
};
BOOST_DESCRIBE_STRUCT(CacheCleared, (), (success, entries_cleared, message))

struct Done {
  bool success = true;
  std::string message;
};
BOOST_DESCRIBE_STRUCT(Done, (), (success, message))

/// Body and answer of POST /api/metrics/snapshot.
struct MetricsSnapshot {
  std::string service;
  std::string machine;
  bool all = false;
  std::string status = "pending";
  std::string message;
};
BOOST_DESCRIBE_STRUCT(MetricsSnapshot, (), (service, machine, all, status, message))

struct QueueHealth {
  std::int64_t depth = 0;
  std::int64_t max_depth = 0;
  double utilization = 0;
  std::optional<double> processing_rate;   ///< pieces of work a second, since the start
  std::optional<double> avg_wait_time_ms;  ///< not measured
};
BOOST_DESCRIBE_STRUCT(QueueHealth,
                      (),
                      (depth, max_depth, utilization, processing_rate, avg_wait_time_ms))

struct CacheHealth {
  double hit_rate = 0;
  std::int64_t total_entries = 0;
  std::int64_t total_hits = 0;
  std::int64_t total_misses = 0;
  std::int64_t total_requests = 0;
  std::int64_t ttl_seconds = 0;
  std::optional<double> oldest_entry_age_seconds;
};
BOOST_DESCRIBE_STRUCT(CacheHealth,
                      (),
                      (hit_rate,
                       total_entries,
                       total_hits,
                       total_misses,
                       total_requests,
                       ttl_seconds,
                       oldest_entry_age_seconds))

/// Since the start.
struct DropsHealth {
  std::int64_t messages = 0;  ///< of agents and strangers: malformed, too large, not admitted
  std::int64_t values = 0;    ///< of samples: the host is at a limit
};
BOOST_DESCRIBE_STRUCT(DropsHealth, (), (messages, values))

struct MachineHealth {
  std::string machine;
  std::string status;  ///< healthy, degraded, unhealthy, unknown
  std::optional<Time> last_success;
  std::optional<Time> last_failure;
  std::int64_t consecutive_failures = 0;
  std::optional<double> response_time_ms;  ///< the round trip: agents send by themselves
  std::optional<double> sample_age_seconds;
  std::optional<std::string> error_message;
};
BOOST_DESCRIBE_STRUCT(MachineHealth,
                      (),
                      (machine,
                       status,
                       last_success,
                       last_failure,
                       consecutive_failures,
                       response_time_ms,
                       sample_age_seconds,
                       error_message))

struct MetricsHealth {
  /// healthy, degraded, unhealthy. unknown: there are hosts, and nothing is known of any of them.
  std::string status;
  Time timestamp;
  CacheHealth cache;
  QueueHealth queue;
  DropsHealth drops;
  std::vector<Json> circuit_breakers;  ///< none: no request goes to a host
  std::map<std::string, std::string> machines;
  std::vector<MachineHealth> machine_details;
  bool collector_running = false;                ///< a host at least is measured now
  std::int64_t collection_interval_seconds = 0;  ///< rounded up
  double response_time_ms = 0;
};
BOOST_DESCRIBE_STRUCT(MetricsHealth,
                      (),
                      (status,
                       timestamp,
                       cache,
                       queue,
                       drops,
                       circuit_breakers,
                       machines,
                       machine_details,
                       collector_running,
                       collection_interval_seconds,
                       response_time_ms))

class MetricsStateApi {
 public:
  MetricsStateApi(const registry::RegistryWatch& registry,
                  const telemetry::Live& live,
                  telemetry::Series& series,
                  const telemetry::RemoteWrite& remote_write,
                  const storage::Database& database,
                  const fleet::Fleet& fleet,
                  MetricsApi& metrics,
                  const telemetry::Collection& collection,
                  const Clock& clock)
      : registry_(registry),
        live_(live),
        series_(series),
        remote_write_(remote_write),
        database_(database),
        fleet_(fleet),
        metrics_(metrics),
        collection_(collection),
        clock_(clock),
        started_(clock.uptime()) {}

  void add_to(http::Router& router);

 private:
  http::Response services(http::Call<void> call);
  http::Response stream(http::Call<void> call);
  WorkersView workers(http::Call<void> call);
  CacheStats cache(http::Call<void> call);
  CacheCleared clear_cache(http::Call<void> call);
  MetricsHealth health(http::Call<void> call);
  asio::awaitable<Done> clean_up(http::Call<void> call);
  asio::awaitable<MetricsSnapshot> snapshot(http::Call<MetricsSnapshot> call);

  const registry::RegistryWatch& registry_;
  const telemetry::Live& live_;
  telemetry::Series& series_;
  const telemetry::RemoteWrite& remote_write_;
  const storage::Database& database_;
  const fleet::Fleet& fleet_;
  MetricsApi& metrics_;
  const telemetry::Collection& collection_;
  const Clock& clock_;
  Uptime started_;
};

}  // namespace portoser::api
