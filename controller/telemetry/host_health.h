/// How measuring a host goes, as /api/metrics/health tells it: what came, what should have come and
/// how far away the host is. Pure; any thread.
#pragma once

#include "controller/telemetry/live.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace portoser::telemetry {

struct HostHealth {
  std::string status = "unknown";    ///< healthy, degraded, unhealthy, unknown
  std::optional<Time> last_success;  ///< of the newest sample whose agent could read the host
  /// Of the newest that its agent could not read, or that was due and did not come.
  std::optional<Time> last_failure;
  std::int64_t consecutive_failures = 0;  ///< such samples since the last success
  std::optional<double> round_trip_ms;    ///< empty: no sample came on a connection that tells it
  std::optional<double> sample_age_seconds;
  std::string error;  ///< empty: none
};

/// `live`: null when nothing is known of the host. `interval`: between two samples.
HostHealth health_of(const HostLive* live,
                     const Live::Heartbeats& heartbeats,
                     std::optional<std::chrono::microseconds> round_trip,
                     std::chrono::milliseconds interval,
                     Time now);

}  // namespace portoser::telemetry
