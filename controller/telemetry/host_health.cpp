#include "controller/telemetry/host_health.h"

#include "controller/telemetry/service_view.h"

#include <algorithm>

namespace portoser::telemetry {
namespace {

constexpr std::int64_t unhealthy_after = 5;  ///< failures in a row
constexpr double slow_ms = 1000;

/// A host that fell silent fails once for each sample that was due since. While it counts as
/// online the next one is on its way.
void add_silence(HostHealth& health,
                 const HostLive& live,
                 std::chrono::milliseconds interval,
                 Time now) {
  if (is_current(live, now) || live.liveness == fleet::Liveness::unknown) return;
  const auto silence = std::max<std::chrono::microseconds>(now - live.sample_at, {});
  const auto missed = interval.count() > 0 ? silence / interval : 0;
  health.consecutive_failures += std::max<std::int64_t>(missed, 1);
  health.last_failure = missed > 0 ? live.sample_at + missed * interval : now;
}

std::string word_of(const HostHealth& health, HostStanding standing) {
  if (standing == HostStanding::unknown) return "unknown";
  const bool is_lost =
      standing == HostStanding::offline || health.consecutive_failures >= unhealthy_after;
  if (is_lost) return "unhealthy";
  const bool is_slow = health.round_trip_ms && *health.round_trip_ms > slow_ms;
  const bool is_well =
      standing == HostStanding::online && health.consecutive_failures == 0 && !is_slow;
  return is_well ? "healthy" : "degraded";
}

}  // namespace

HostHealth health_of(const HostLive* live,
                     const Live::Heartbeats& heartbeats,
                     std::optional<std::chrono::microseconds> round_trip,
                     std::chrono::milliseconds interval,
                     Time now) {
  HostHealth health;
  health.last_success = heartbeats.last_ok;
  health.last_failure = heartbeats.last_error;
  health.consecutive_failures = static_cast<std::int64_t>(heartbeats.errors_in_a_row);
  const auto standing = standing_of(live, now);
  if (round_trip && standing != HostStanding::offline) {
    health.round_trip_ms = std::chrono::duration<double, std::milli>(*round_trip).count();
  }
  if (live != nullptr && live->sample) {
    const auto status = metrics_status_of(live, now);
    health.sample_age_seconds = status.age_seconds;
    health.error = status.error;
    add_silence(health, *live, interval, now);
  }
  const bool is_measured = live != nullptr && live->sample;
  const bool is_lost = standing == HostStanding::offline;
  health.status = is_measured || is_lost ? word_of(health, standing) : "unknown";
  return health;
}

}  // namespace portoser::telemetry
