/// The shapes of /api/metrics: what the old backend sent, and what the UI reads beside it. An
/// unknown number is null. Any thread.
#pragma once

#include "common/clock.h"
#include "common/describe.h"
#include "controller/registry/model.h"
#include "controller/telemetry/live.h"

#include <optional>
#include <string>
#include <vector>

namespace portoser::api {

/// A service on a host at one moment.
struct ServiceMetricsRow {
  std::string service;
  std::string machine;
  Time timestamp;
  std::optional<double> cpu_percent;  ///< of the whole machine
  std::optional<double> memory_mb;
  std::optional<double> memory_total_mb;
  std::optional<double> memory_percent;
  std::optional<double> disk_gb;  ///< not measured
  std::optional<double> disk_total_gb;
  std::optional<double> disk_percent;
  std::optional<std::int64_t> network_rx_bytes;
  std::optional<std::int64_t> network_tx_bytes;
  std::optional<double> network_rx;  ///< bytes per second
  std::optional<double> network_tx;
  std::optional<std::int64_t> block_read_bytes;  ///< since the containers' start
  std::optional<std::int64_t> block_write_bytes;
  std::optional<double> block_read;  ///< bytes per second
  std::optional<double> block_write;
  std::optional<std::int64_t> cpu_cores;
  std::optional<std::int64_t> memory_used;  ///< bytes
  std::optional<std::int64_t> memory_total;
  std::optional<std::int64_t> disk_used;  ///< not measured
  std::optional<std::int64_t> disk_total;
  double age_seconds = 0;
  bool stale = false;  ///< the last that was measured, and not what is true now
};
BOOST_DESCRIBE_STRUCT(ServiceMetricsRow,
                      (),
                      (service,
                       machine,
                       timestamp,
                       cpu_percent,
                       memory_mb,
                       memory_total_mb,
                       memory_percent,
                       disk_gb,
                       disk_total_gb,
                       disk_percent,
                       network_rx_bytes,
                       network_tx_bytes,
                       network_rx,
                       network_tx,
                       block_read_bytes,
                       block_write_bytes,
                       block_read,
                       block_write,
                       cpu_cores,
                       memory_used,
                       memory_total,
                       disk_used,
                       disk_total,
                       age_seconds,
                       stale))

/// A file system of a host. Sizes in bytes.
struct DiskRow {
  std::string mountpoint;
  std::string device;
  std::string fstype;
  std::int64_t used = 0;
  std::int64_t total = 0;
  std::int64_t available = 0;  ///< to an unprivileged user
  std::optional<double> percent;
  std::optional<double> read;  ///< bytes per second, of the device
  std::optional<double> write;
};
BOOST_DESCRIBE_STRUCT(DiskRow,
                      (),
                      (mountpoint, device, fstype, used, total, available, percent, read, write))

struct NetworkRow {
  std::string interface;
  std::int64_t rx_bytes = 0;  ///< since the host booted
  std::int64_t tx_bytes = 0;
  std::optional<double> rx;  ///< bytes per second
  std::optional<double> tx;
};
BOOST_DESCRIBE_STRUCT(NetworkRow, (), (interface, rx_bytes, tx_bytes, rx, tx))

struct TemperatureRow {
  std::string sensor;  ///< as the kernel's driver names it
  double celsius = 0;
};
BOOST_DESCRIBE_STRUCT(TemperatureRow, (), (sensor, celsius))

/// A host at one moment.
struct MachineMetricsRow {
  std::string machine;
  std::optional<double> cpu_percent;
  std::optional<double> memory_used_mb;
  std::optional<double> memory_mb;
  std::optional<double> memory_total_mb;
  std::optional<double> memory_percent;
  std::optional<double> disk_used_gb;
  std::optional<double> disk_total_gb;
  std::optional<double> disk_mb;
  std::optional<double> disk_total_mb;
  std::optional<double> disk_percent;
  std::optional<std::int64_t> cpu_cores;
  std::optional<std::int64_t> memory_used;
  std::optional<std::int64_t> memory_total;
  std::optional<std::int64_t> disk_used;
  std::optional<std::int64_t> disk_total;
  std::optional<double> network_rx;  ///< bytes per second
  std::optional<double> network_tx;
  std::optional<std::int64_t> network_rx_bytes;  ///< since the host booted, all interfaces
  std::optional<std::int64_t> network_tx_bytes;
  std::optional<std::int64_t> swap_used;  ///< bytes
  std::optional<std::int64_t> swap_total;
  std::optional<double> swap_percent;  ///< null: unknown, or there is no swap
  std::vector<DiskRow> disks;
  std::vector<NetworkRow> networks;
  std::optional<double> load_1;
  std::optional<double> load_5;
  std::optional<double> load_15;
  std::optional<double> temperature_celsius;  ///< of the hottest sensor; null: there is none
  std::vector<TemperatureRow> temperatures;
  std::optional<Time> boot_time;
  std::vector<ServiceMetricsRow> services;
  std::int64_t service_count = 0;
  /// Null: it was never measured. Left out it would be no row of the contract, which names it.
  std::optional<Time> timestamp;
  std::string status;  ///< ok, error, unavailable, offline
  std::string error;
  std::optional<double> age_seconds;
  bool stale = false;
};
BOOST_DESCRIBE_STRUCT(MachineMetricsRow,
                      (),
                      (machine,
                       cpu_percent,
                       memory_used_mb,
                       memory_mb,
                       memory_total_mb,
                       memory_percent,
                       disk_used_gb,
                       disk_total_gb,
                       disk_mb,
                       disk_total_mb,
                       disk_percent,
                       cpu_cores,
                       memory_used,
                       memory_total,
                       disk_used,
                       disk_total,
                       network_rx,
                       network_tx,
                       network_rx_bytes,
                       network_tx_bytes,
                       swap_used,
                       swap_total,
                       swap_percent,
                       disks,
                       networks,
                       load_1,
                       load_5,
                       load_15,
                       temperature_celsius,
                       temperatures,
                       boot_time,
                       services,
                       service_count,
                       timestamp,
                       status,
                       error,
                       age_seconds,
                       stale))

/// The newest sample of a service with the averages that the present alone allows.
struct ServiceMetrics {
  std::string service;
  std::string machine;
  std::optional<ServiceMetricsRow> current;
  std::vector<ServiceMetricsRow> history;
  std::optional<double> avg_cpu;
  std::optional<double> avg_memory;
  std::optional<double> peak_cpu;
  std::optional<double> peak_memory;
  std::string time_range;
  std::string status;
  std::string error;
};
BOOST_DESCRIBE_STRUCT(ServiceMetrics,
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
                       error))

/// Null `live`: nothing is known of that host.
MachineMetricsRow machine_metrics(const registry::Registry& registry,
                                  const std::string& host,
                                  const telemetry::HostLive* live,
                                  Time now);
MachineMetricsRow machine_metrics(const registry::Registry& registry,
                                  const std::string& host,
                                  const telemetry::Live& live,
                                  Time now);

/// The newest that was measured; `stale` when that is not of now, as for a service that was
/// stopped. Nothing when it was never measured.
std::optional<ServiceMetricsRow> service_metrics_row(const std::string& service,
                                                     const std::string& host,
                                                     const telemetry::HostLive& live,
                                                     Time now);

ServiceMetrics service_metrics(const std::string& service,
                               const std::string& host,
                               const telemetry::HostLive* live,
                               Time now,
                               std::string time_range);
ServiceMetrics service_metrics(const std::string& service,
                               const std::string& host,
                               const telemetry::Live& live,
                               Time now,
                               std::string time_range);

}  // namespace portoser::api
