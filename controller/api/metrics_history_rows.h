/// The shapes of the history of metrics: what the old backend sent, and what the UI's chart reads
/// beside it. An unknown number is null. Any thread.
#pragma once

#include "controller/api/metrics_rows.h"
#include "controller/telemetry/usage_history.h"

#include <optional>
#include <string>
#include <vector>

namespace portoser::api {

/// One step of a history. Percentages are of the whole machine; those of memory and disk, of the
/// total.
struct UsageRow {
  std::string service;  ///< empty: of the host
  std::string machine;
  Time timestamp;  ///< the beginning of the step
  std::optional<double> cpu_percent;
  std::optional<double> cpu_percent_max;
  std::optional<double> memory_mb;
  std::optional<double> memory_mb_max;
  std::optional<double> memory_total_mb;
  std::optional<double> memory_percent;
  std::optional<double> disk_gb;
  std::optional<double> disk_total_gb;
  std::optional<double> disk_percent;
  std::optional<std::int64_t> network_rx_bytes;  ///< counters are of the present only
  std::optional<std::int64_t> network_tx_bytes;
  std::optional<double> network_rx;  ///< bytes per second
  std::optional<double> network_tx;
  std::optional<double> load_1;
  std::int64_t samples = 0;  ///< of the processor; 0 in a gap
};
BOOST_DESCRIBE_STRUCT(UsageRow,
                      (),
                      (service,
                       machine,
                       timestamp,
                       cpu_percent,
                       cpu_percent_max,
                       memory_mb,
                       memory_mb_max,
                       memory_total_mb,
                       memory_percent,
                       disk_gb,
                       disk_total_gb,
                       disk_percent,
                       network_rx_bytes,
                       network_tx_bytes,
                       network_rx,
                       network_tx,
                       load_1,
                       samples))

/// Of a host, with what services do not have.
struct MachineUsageRow : UsageRow {
  std::optional<double> load_5;
  std::optional<double> load_15;
  std::optional<double> swap_mb;
  std::optional<double> swap_total_mb;
  std::optional<double> swap_percent;             ///< null: unknown, or there is no swap
  std::optional<double> temperature_celsius;      ///< of the hottest sensor; null: there is none
  std::optional<double> temperature_celsius_max;  ///< of all sensors
};
BOOST_DESCRIBE_STRUCT(MachineUsageRow,
                      (UsageRow),
                      (load_5,
                       load_15,
                       swap_mb,
                       swap_total_mb,
                       swap_percent,
                       temperature_celsius,
                       temperature_celsius_max))

/// A point of a chart, in percent.
struct HistoryPoint {
  Time timestamp;
  std::optional<double> cpu;
  std::optional<double> memory;
  std::optional<double> disk;
};
BOOST_DESCRIBE_STRUCT(HistoryPoint, (), (timestamp, cpu, memory, disk))

/// `dataPoints` is spelled as the UI reads it; none or at least two.
struct Historical {
  std::vector<std::string> metrics;      ///< those of cpu, memory and disk that any point has
  std::vector<HistoryPoint> dataPoints;  // NOLINT(readability-identifier-naming)
};
BOOST_DESCRIBE_STRUCT(Historical, (), (metrics, dataPoints))

/// A service at the present, beside the range that was asked for.
struct PresentServiceRow : ServiceMetricsRow {
  /// Of the range, as far as its host could tell. The key is left out where nothing is known: the
  /// UI shows a null as 0 %.
  std::optional<double> uptime_percent;
};
BOOST_DESCRIBE_STRUCT(PresentServiceRow, (ServiceMetricsRow), (uptime_percent))

/// What GET /api/metrics/{service}/{machine} answers.
struct ServiceMetricsWithHistory {
  std::string service;
  std::string machine;
  std::optional<PresentServiceRow> current;
  std::vector<UsageRow> history;
  std::optional<double> avg_cpu;
  std::optional<double> avg_memory;
  std::optional<double> peak_cpu;
  std::optional<double> peak_memory;
  std::string time_range;
  std::string status;
  std::string error;
  Historical historical;
  std::string history_error;  ///< why the past could not be read; empty: it could
};
BOOST_DESCRIBE_STRUCT(ServiceMetricsWithHistory,
                      (),
                      (service,
                       machine,
                       current,
                       history,
                       avg_cpu,
                       avg_memory,
                       peak_cpu,
                       peak_memory,
                       time_range,
                       status,
                       error,
                       historical,
                       history_error))

/// Over all samples of the range; memory in MiB.
struct UsageSummaryRow {
  std::optional<double> avg_cpu;
  std::optional<double> avg_memory;
  std::optional<double> peak_cpu;
  std::optional<double> peak_memory;
  std::optional<double> min_cpu;
  std::optional<double> min_memory;
  std::optional<double> max_cpu;
  std::optional<double> max_memory;
};
BOOST_DESCRIBE_STRUCT(
    UsageSummaryRow,
    (),
    (avg_cpu, avg_memory, peak_cpu, peak_memory, min_cpu, min_memory, max_cpu, max_memory))

struct MetricsHistory {
  std::string service;
  std::string machine;
  std::string time_range;
  std::string interval;
  std::vector<UsageRow> data_points;
  UsageSummaryRow summary;
};
BOOST_DESCRIBE_STRUCT(MetricsHistory,
                      (),
                      (service, machine, time_range, interval, data_points, summary))

struct MachineMetricsHistory {
  std::string service;  ///< empty
  std::string machine;
  std::string time_range;
  std::string interval;
  std::vector<MachineUsageRow> data_points;
  UsageSummaryRow summary;
};
BOOST_DESCRIBE_STRUCT(MachineMetricsHistory,
                      (),
                      (service, machine, time_range, interval, data_points, summary))

std::vector<UsageRow> usage_rows(const telemetry::UsageHistory& history,
                                 const std::string& service,
                                 const std::string& machine);
std::vector<MachineUsageRow> machine_usage_rows(const telemetry::UsageHistory& history,
                                                const std::string& machine);
UsageSummaryRow summary_row(const telemetry::UsageSummary& summary);
Historical chart_points(const std::vector<UsageRow>& rows);

}  // namespace portoser::api
