#include "controller/api/metrics_rows.h"

#include "controller/telemetry/service_view.h"

#include <algorithm>
#include <chrono>

namespace portoser::api {
namespace {

constexpr double mebibyte = 1 << 20;
constexpr double gibibyte = 1 << 30;

double in(double unit, std::int64_t bytes) {
  return static_cast<double>(bytes) / unit;
}

std::optional<double> percent(std::optional<std::int64_t> part, std::optional<std::int64_t> whole) {
  if (!part || !whole || *whole <= 0) return std::nullopt;
  return 100.0 * static_cast<double>(*part) / static_cast<double>(*whole);
}

DiskRow disk_row(const protocol::DiskSample& disk) {
  DiskRow row;
  row.mountpoint = disk.mount;
  row.device = disk.device;
  row.fstype = disk.file_system;
  row.used = disk.used_bytes;
  row.total = disk.total_bytes;
  row.available = disk.available_bytes;
  row.percent = percent(disk.used_bytes, disk.total_bytes);
  row.read = disk.read_bytes_per_second;
  row.write = disk.write_bytes_per_second;
  return row;
}

void fill_from_sample(MachineMetricsRow& row, const protocol::Sample& sample) {
  row.cpu_percent = sample.cpu.percent;
  if (!sample.cpu.core_percent.empty()) {
    row.cpu_cores = static_cast<std::int64_t>(sample.cpu.core_percent.size());
  }
  row.load_1 = sample.cpu.load_1;
  row.load_5 = sample.cpu.load_5;
  row.load_15 = sample.cpu.load_15;
  if (sample.memory) {
    const auto used = sample.memory->total_bytes - sample.memory->available_bytes;
    row.memory_used = used;
    row.memory_total = sample.memory->total_bytes;
    row.memory_used_mb = in(mebibyte, used);
    row.memory_mb = row.memory_used_mb;
    row.memory_total_mb = in(mebibyte, sample.memory->total_bytes);
    row.memory_percent = percent(row.memory_used, row.memory_total);
    row.swap_used = sample.memory->swap_used_bytes;
    row.swap_total = sample.memory->swap_total_bytes;
    row.swap_percent = percent(row.swap_used, row.swap_total);
  }
  if (const auto* disk = telemetry::main_disk(sample)) {
    row.disk_used = disk->used_bytes;
    row.disk_total = disk->total_bytes;
    row.disk_used_gb = in(gibibyte, disk->used_bytes);
    row.disk_total_gb = in(gibibyte, disk->total_bytes);
    row.disk_mb = in(mebibyte, disk->used_bytes);
    row.disk_total_mb = in(mebibyte, disk->total_bytes);
    row.disk_percent = percent(row.disk_used, row.disk_total);
  }
  const auto network = telemetry::network_of(sample);
  row.network_rx = network.receive_bytes_per_second;
  row.network_tx = network.transmit_bytes_per_second;
  row.network_rx_bytes = network.receive_bytes;
  row.network_tx_bytes = network.transmit_bytes;
  for (const auto& disk : sample.disks) row.disks.push_back(disk_row(disk));
  for (const auto& one : sample.networks) {
    row.networks.push_back({one.interface,
                            one.receive_bytes,
                            one.transmit_bytes,
                            one.receive_bytes_per_second,
                            one.transmit_bytes_per_second});
  }
  row.temperature_celsius = telemetry::temperature_of(sample);
  for (const auto& one : sample.temperatures) row.temperatures.push_back({one.sensor, one.celsius});
  if (sample.boot_time_us != 0) row.boot_time = from_unix_us(sample.boot_time_us);
}

}  // namespace

std::optional<ServiceMetricsRow> service_metrics_row(const std::string& service,
                                                     const std::string& host,
                                                     const telemetry::HostLive& live,
                                                     Time now) {
  if (!live.usages) return std::nullopt;
  const auto found = live.usages->find(service);
  if (found == live.usages->end()) return std::nullopt;
  const auto* usage = &found->second.usage;
  const auto measured_at = found->second.at;
  ServiceMetricsRow row;
  row.service = service;
  row.machine = host;
  row.timestamp = measured_at;
  row.cpu_percent = usage->cpu_percent;
  row.memory_used = usage->memory_bytes;
  row.memory_total = usage->memory_total_bytes;
  if (usage->memory_bytes) row.memory_mb = in(mebibyte, *usage->memory_bytes);
  if (usage->memory_total_bytes) row.memory_total_mb = in(mebibyte, *usage->memory_total_bytes);
  row.memory_percent = percent(usage->memory_bytes, usage->memory_total_bytes);
  row.network_rx_bytes = usage->receive_bytes;
  row.network_tx_bytes = usage->transmit_bytes;
  row.network_rx = usage->receive_bytes_per_second;
  row.network_tx = usage->transmit_bytes_per_second;
  row.block_read_bytes = usage->block_read_bytes;
  row.block_write_bytes = usage->block_write_bytes;
  row.block_read = usage->block_read_bytes_per_second;
  row.block_write = usage->block_write_bytes_per_second;
  row.cpu_cores = found->second.cpu_cores;
  row.age_seconds = std::max(std::chrono::duration<double>(now - measured_at).count(), 0.0);
  row.stale = !found->second.is_newest || telemetry::metrics_status_of(&live, now).stale;
  return row;
}

MachineMetricsRow machine_metrics(const registry::Registry& registry,
                                  const std::string& host,
                                  const telemetry::HostLive* live,
                                  Time now) {
  auto status = telemetry::metrics_status_of(live, now);
  MachineMetricsRow row;
  row.machine = host;
  row.status = std::move(status.status);
  row.error = std::move(status.error);
  row.stale = status.stale;
  row.age_seconds = status.age_seconds;
  for (const auto* service : registry.services_on(host)) {
    ++row.service_count;
    if (live == nullptr) continue;
    if (auto usage = service_metrics_row(service->name, host, *live, now)) {
      row.services.push_back(std::move(*usage));
    }
  }
  if (live != nullptr && live->sample) {
    row.timestamp = live->sample_at;
    fill_from_sample(row, *live->sample);
  }
  return row;
}

MachineMetricsRow machine_metrics(const registry::Registry& registry,
                                  const std::string& host,
                                  const telemetry::Live& live,
                                  Time now) {
  return machine_metrics(registry, host, live.host(host).get(), now);
}

ServiceMetrics service_metrics(const std::string& service,
                               const std::string& host,
                               const telemetry::HostLive* live,
                               Time now,
                               std::string time_range) {
  auto status = telemetry::metrics_status_of(live, now);
  ServiceMetrics metrics;
  metrics.service = service;
  metrics.machine = host;
  metrics.time_range = std::move(time_range);
  metrics.status = std::move(status.status);
  metrics.error = std::move(status.error);
  if (live != nullptr) metrics.current = service_metrics_row(service, host, *live, now);
  if (metrics.current) {
    metrics.avg_cpu = metrics.peak_cpu = metrics.current->cpu_percent;
    metrics.avg_memory = metrics.peak_memory = metrics.current->memory_mb;
  }
  return metrics;
}

ServiceMetrics service_metrics(const std::string& service,
                               const std::string& host,
                               const telemetry::Live& live,
                               Time now,
                               std::string time_range) {
  return service_metrics(service, host, live.host(host).get(), now, std::move(time_range));
}

}  // namespace portoser::api
