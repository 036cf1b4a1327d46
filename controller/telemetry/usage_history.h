/// How a host or a service used its machine over a stretch of time: what charts and tables show.
/// Any thread.
#pragma once

#include "common/clock.h"
#include "common/tasks.h"
#include "controller/telemetry/series.h"

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::telemetry {

/// A stretch that people ask for by its name, and the step of its chart: 60 to 300 points.
struct TimeRange {
  std::string_view name;
  std::chrono::hours length;
  std::chrono::milliseconds step;
};
inline constexpr std::array time_ranges{
    TimeRange{"1h", std::chrono::hours{1}, std::chrono::minutes{1}},
    TimeRange{"6h", std::chrono::hours{6}, std::chrono::minutes{2}},
    TimeRange{"24h", std::chrono::hours{24}, std::chrono::minutes{5}},
    TimeRange{"7d", std::chrono::hours{7 * 24}, std::chrono::hours{1}},
    TimeRange{"30d", std::chrono::hours{30 * 24}, std::chrono::hours{3}}};
/// One of those; nothing for another name.
std::optional<TimeRange> time_range(std::string_view name);
/// "1m", "5m", "15m", "1h"; nothing for another name.
std::optional<std::chrono::milliseconds> interval(std::string_view name);

/// What was measured in one step. Empty: nothing was.
struct UsagePoint {
  Time at;  ///< its beginning
  std::optional<SeriesPoint> cpu_percent;
  std::optional<SeriesPoint> memory_used_bytes;
  std::optional<SeriesPoint> memory_total_bytes;
  std::optional<SeriesPoint> swap_used_bytes;
  std::optional<SeriesPoint> swap_total_bytes;
  std::optional<SeriesPoint> disk_used_bytes;  ///< of hosts: their main disk
  std::optional<SeriesPoint> disk_total_bytes;
  std::optional<SeriesPoint> receive_bytes_per_second;
  std::optional<SeriesPoint> transmit_bytes_per_second;
  std::optional<SeriesPoint> load_1;  ///< of hosts
  std::optional<SeriesPoint> load_5;
  std::optional<SeriesPoint> load_15;
  /// Of hosts: the sensor whose mean was the highest; `max` is that of all of them.
  std::optional<SeriesPoint> temperature_celsius;

  [[nodiscard]] bool is_empty() const;
};

/// Over all samples of the stretch.
struct UsageSummary {
  std::optional<SeriesPoint> cpu_percent;
  std::optional<SeriesPoint> memory_used_bytes;
};

struct UsageHistory {
  std::chrono::milliseconds step{};
  /// One a step, from the first in which something was measured to the last; those between in which
  /// nothing was are empty.
  std::vector<UsagePoint> points;
  UsageSummary summary;
};

/// What a host's series are named after, as far as histories show them.
struct HostSubjects {
  std::string disk = "/";            ///< where its main disk is mounted
  std::vector<std::string> sensors;  ///< of temperature
};
/// As in the newest sample; null `live`, or none: of a host like most, without sensors.
HostSubjects subjects_of(const HostLive* live);

/// `service` empty: of the host. Fails as `Series::read`.
asio::awaitable<UsageHistory> usage_history(Series& series,
                                            std::string host,
                                            std::string service,
                                            HostSubjects subjects,
                                            Time from,
                                            Time to,
                                            std::chrono::milliseconds step);

/// The same of a service for a chart, which needs two points: where there is less than that in the
/// steps of the range, in finer ones or of a longer range. The summary is of the range that was
/// asked.
asio::awaitable<UsageHistory> chart_of(
    Series& series, std::string host, std::string service, TimeRange range, Time now);

}  // namespace portoser::telemetry
