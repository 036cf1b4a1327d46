#include "controller/telemetry/usage_history.h"

#include "controller/telemetry/service_view.h"

#include <algorithm>
#include <array>

namespace portoser::telemetry {
namespace {

using namespace std::chrono_literals;

/// A metric and where it goes.
struct Wanted {
  Metric metric;
  std::optional<SeriesPoint> UsagePoint::*place;
  bool is_of_disk = false;
};

/// Temperatures come behind these, a sensor each.
constexpr std::array wanted{
    Wanted{Metric::cpu_percent, &UsagePoint::cpu_percent},
    Wanted{Metric::memory_used_bytes, &UsagePoint::memory_used_bytes},
    Wanted{Metric::memory_total_bytes, &UsagePoint::memory_total_bytes},
    Wanted{Metric::swap_used_bytes, &UsagePoint::swap_used_bytes},
    Wanted{Metric::swap_total_bytes, &UsagePoint::swap_total_bytes},
    Wanted{Metric::disk_used_bytes, &UsagePoint::disk_used_bytes, true},
    Wanted{Metric::disk_total_bytes, &UsagePoint::disk_total_bytes, true},
    Wanted{Metric::receive_bytes_per_second, &UsagePoint::receive_bytes_per_second},
    Wanted{Metric::transmit_bytes_per_second, &UsagePoint::transmit_bytes_per_second},
    Wanted{Metric::load_1, &UsagePoint::load_1},
    Wanted{Metric::load_5, &UsagePoint::load_5},
    Wanted{Metric::load_15, &UsagePoint::load_15}};

void add_to(std::optional<SeriesPoint>& sum, const std::optional<SeriesPoint>& point) {
  if (!point) return;
  if (!sum) {
    sum = point;
    return;
  }
  const auto count = sum->count + point->count;
  sum->mean +=
      (point->mean - sum->mean) * static_cast<double>(point->count) / static_cast<double>(count);
  sum->min = std::min(sum->min, point->min);
  sum->max = std::max(sum->max, point->max);
  sum->count = count;
}

void take_hotter(std::optional<SeriesPoint>& hottest, const std::optional<SeriesPoint>& one) {
  if (!one) return;
  const auto max = hottest ? std::max(hottest->max, one->max) : one->max;
  if (!hottest || one->mean > hottest->mean) hottest = one;
  hottest->max = max;
}

}  // namespace

std::optional<TimeRange> time_range(std::string_view name) {
  for (const auto& range : time_ranges) {
    if (range.name == name) return range;
  }
  return std::nullopt;
}

std::optional<std::chrono::milliseconds> interval(std::string_view name) {
  if (name == "1m") return 1min;
  if (name == "5m") return 5min;
  if (name == "15m") return 15min;
  if (name == "1h") return 1h;
  return std::nullopt;
}

bool UsagePoint::is_empty() const {
  return !temperature_celsius &&
         std::all_of(wanted.begin(), wanted.end(), [this](const Wanted& one) {
           return !(this->*one.place).has_value();
         });
}

HostSubjects subjects_of(const HostLive* live) {
  constexpr std::size_t most_sensors = 32;  // a host that invents names costs no more than these
  HostSubjects subjects;
  if (live == nullptr || !live->sample) return subjects;
  if (const auto* disk = main_disk(*live->sample)) subjects.disk = disk->mount;
  for (const auto& one : live->sample->temperatures) {
    if (subjects.sensors.size() == most_sensors) break;
    subjects.sensors.push_back(one.sensor);
  }
  return subjects;
}

asio::awaitable<UsageHistory> usage_history(Series& series,
                                            std::string host,
                                            std::string service,
                                            HostSubjects subjects,
                                            Time from,
                                            Time to,
                                            std::chrono::milliseconds step) {
  SeriesQuery query;
  query.host = std::move(host);
  for (const auto& one : wanted) {
    query.keys.push_back({service, one.metric, one.is_of_disk ? subjects.disk : std::string{}});
  }
  for (const auto& sensor : subjects.sensors) {
    query.keys.push_back({service, Metric::temperature_celsius, sensor});
  }
  query.from = from;
  query.to = to + 1ms;  // what was measured just now belongs to it
  query.step = step;
  const auto window = co_await series.read(std::move(query));
  UsageHistory history;
  history.step = window.step;
  history.points.resize(window.points.front().size());
  for (std::size_t i = 0; i < history.points.size(); ++i) {
    auto& point = history.points[i];
    point.at = window.from + window.step * static_cast<std::int64_t>(i);
    for (std::size_t k = 0; k < wanted.size(); ++k) point.*wanted[k].place = window.points[k][i];
    for (std::size_t k = wanted.size(); k < window.points.size(); ++k) {
      take_hotter(point.temperature_celsius, window.points[k][i]);
    }
    add_to(history.summary.cpu_percent, point.cpu_percent);
    add_to(history.summary.memory_used_bytes, point.memory_used_bytes);
  }
  const auto is_filled = [](const UsagePoint& point) { return !point.is_empty(); };
  auto& points = history.points;
  points.erase(std::find_if(points.rbegin(), points.rend(), is_filled).base(), points.end());
  points.erase(points.begin(), std::find_if(points.begin(), points.end(), is_filled));
  co_return history;
}

asio::awaitable<UsageHistory> chart_of(
    Series& series, std::string host, std::string service, TimeRange range, Time now) {
  constexpr std::size_t enough = 2;
  const HostSubjects none;  // a service has neither
  auto history =
      co_await usage_history(series, host, service, none, now - range.length, now, range.step);
  if (history.points.size() >= enough) co_return history;
  // A service that has just started, in finer steps. One whose host is away, further back than was
  // asked, though the points tell their own times: the contract wants two points whenever there is
  // any history (15.14), since the UI offers no other range without a chart. As far as its longest
  // range; of what is older it could choose none.
  std::vector<TimeRange> others{{{}, 1h, 1min}, {{}, 1h, 5s}};
  for (const auto& wider : time_ranges) {
    if (wider.length > range.length) others.push_back(wider);
  }
  for (const auto& other : others) {
    auto found =
        co_await usage_history(series, host, service, none, now - other.length, now, other.step);
    if (found.points.size() < enough) continue;
    history.points = std::move(found.points);
    history.step = found.step;
    co_return history;
  }
  // Only one step has anything in it: a chart needs a second, where nothing was measured.
  if (history.points.size() == 1) {
    history.points.emplace_back();
    history.points.back().at = history.points.front().at + history.step;
  }
  co_return history;
}

}  // namespace portoser::telemetry
