#include "controller/api/metrics_history_rows.h"

#include <algorithm>

namespace portoser::api {
namespace {

using telemetry::SeriesPoint;

constexpr double bytes_per_mib = 1 << 20;
constexpr double bytes_per_gib = 1 << 30;

std::optional<double> mean_of(const std::optional<SeriesPoint>& point, double unit = 1) {
  return point ? std::optional{point->mean / unit} : std::nullopt;
}

std::optional<double> most_of(const std::optional<SeriesPoint>& point, double unit = 1) {
  return point ? std::optional{point->max / unit} : std::nullopt;
}

std::optional<double> least_of(const std::optional<SeriesPoint>& point, double unit = 1) {
  return point ? std::optional{point->min / unit} : std::nullopt;
}

std::optional<double> share(const std::optional<SeriesPoint>& part,
                            const std::optional<SeriesPoint>& whole) {
  if (!part || !whole || whole->mean <= 0) return std::nullopt;
  return 100.0 * part->mean / whole->mean;
}

/// Containers that are measured one after the other may sum up to more than there is.
std::optional<double> clamped(std::optional<double> percent) {
  constexpr double all = 100;
  return percent ? std::optional{std::clamp(*percent, 0.0, all)} : std::nullopt;
}

UsageRow usage_row(const telemetry::UsagePoint& point) {
  UsageRow row;
  row.timestamp = point.at;
  row.cpu_percent = mean_of(point.cpu_percent);
  row.cpu_percent_max = most_of(point.cpu_percent);
  row.memory_mb = mean_of(point.memory_used_bytes, bytes_per_mib);
  row.memory_mb_max = most_of(point.memory_used_bytes, bytes_per_mib);
  row.memory_total_mb = mean_of(point.memory_total_bytes, bytes_per_mib);
  row.memory_percent = share(point.memory_used_bytes, point.memory_total_bytes);
  row.disk_gb = mean_of(point.disk_used_bytes, bytes_per_gib);
  row.disk_total_gb = mean_of(point.disk_total_bytes, bytes_per_gib);
  row.disk_percent = share(point.disk_used_bytes, point.disk_total_bytes);
  row.network_rx = mean_of(point.receive_bytes_per_second);
  row.network_tx = mean_of(point.transmit_bytes_per_second);
  row.load_1 = mean_of(point.load_1);
  row.samples = point.cpu_percent ? point.cpu_percent->count : 0;
  return row;
}

}  // namespace

std::vector<UsageRow> usage_rows(const telemetry::UsageHistory& history,
                                 const std::string& service,
                                 const std::string& machine) {
  std::vector<UsageRow> rows;
  rows.reserve(history.points.size());
  for (const auto& point : history.points) {
    auto& row = rows.emplace_back(usage_row(point));
    row.service = service;
    row.machine = machine;
  }
  return rows;
}

std::vector<MachineUsageRow> machine_usage_rows(const telemetry::UsageHistory& history,
                                                const std::string& machine) {
  std::vector<MachineUsageRow> rows;
  rows.reserve(history.points.size());
  for (const auto& point : history.points) {
    auto& row = rows.emplace_back();
    static_cast<UsageRow&>(row) = usage_row(point);
    row.machine = machine;
    row.load_5 = mean_of(point.load_5);
    row.load_15 = mean_of(point.load_15);
    row.swap_mb = mean_of(point.swap_used_bytes, bytes_per_mib);
    row.swap_total_mb = mean_of(point.swap_total_bytes, bytes_per_mib);
    row.swap_percent = share(point.swap_used_bytes, point.swap_total_bytes);
    row.temperature_celsius = mean_of(point.temperature_celsius);
    row.temperature_celsius_max = most_of(point.temperature_celsius);
  }
  return rows;
}

UsageSummaryRow summary_row(const telemetry::UsageSummary& summary) {
  UsageSummaryRow row;
  row.avg_cpu = mean_of(summary.cpu_percent);
  row.min_cpu = least_of(summary.cpu_percent);
  row.peak_cpu = row.max_cpu = most_of(summary.cpu_percent);
  row.avg_memory = mean_of(summary.memory_used_bytes, bytes_per_mib);
  row.min_memory = least_of(summary.memory_used_bytes, bytes_per_mib);
  row.peak_memory = row.max_memory = most_of(summary.memory_used_bytes, bytes_per_mib);
  return row;
}

Historical chart_points(const std::vector<UsageRow>& rows) {
  Historical historical;
  bool has_disk = false;
  for (const auto& row : rows) {
    auto& point = historical.dataPoints.emplace_back();
    point.timestamp = row.timestamp;
    point.cpu = clamped(row.cpu_percent);
    point.memory = clamped(row.memory_percent);
    point.disk = clamped(row.disk_percent);
    has_disk = has_disk || point.disk.has_value();
  }
  historical.metrics = {"cpu", "memory"};
  if (has_disk) historical.metrics.emplace_back("disk");
  return historical;
}

}  // namespace portoser::api
