#include "controller/telemetry/fleet_families.h"

#include "controller/telemetry/service_view.h"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>

namespace portoser::telemetry {
namespace {

using HostValue = std::function<std::optional<double>(const protocol::Sample&)>;

struct HostFamily {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  HostValue value;
};

std::optional<double> memory(const protocol::Sample& sample, bool used) {
  if (!sample.memory) return std::nullopt;
  const auto total = sample.memory->total_bytes;
  return static_cast<double>(used ? total - sample.memory->available_bytes : total);
}

std::optional<double> swap(const protocol::Sample& sample,
                           std::int64_t protocol::MemorySample::*part) {
  return sample.memory ? std::optional{static_cast<double>((*sample.memory).*part)} : std::nullopt;
}

std::optional<double> as_number(std::optional<std::int64_t> count) {
  return count ? std::optional{static_cast<double>(*count)} : std::nullopt;
}

std::optional<double> disk(const protocol::Sample& sample,
                           std::int64_t protocol::DiskSample::*part) {
  const auto* main = main_disk(sample);
  return main == nullptr ? std::nullopt : std::optional{static_cast<double>(main->*part)};
}

const std::vector<HostFamily>& host_families() {
  static const std::vector<HostFamily> families{
      {"portoser_host_cpu_percent",
       "gauge",
       "CPU use of the whole machine, 0 to 100",
       [](const auto& sample) { return sample.cpu.percent; }},
      {"portoser_host_load1",
       "gauge",
       "Load average over one minute",
       [](const auto& sample) { return sample.cpu.load_1; }},
      {"portoser_host_memory_used_bytes",
       "gauge",
       "Memory in use: total less available",
       [](const auto& sample) { return memory(sample, true); }},
      {"portoser_host_memory_total_bytes",
       "gauge",
       "Memory of the machine",
       [](const auto& sample) { return memory(sample, false); }},
      {"portoser_host_swap_used_bytes",
       "gauge",
       "Swap in use",
       [](const auto& sample) { return swap(sample, &protocol::MemorySample::swap_used_bytes); }},
      {"portoser_host_swap_total_bytes",
       "gauge",
       "Swap of the machine",
       [](const auto& sample) { return swap(sample, &protocol::MemorySample::swap_total_bytes); }},
      {"portoser_host_disk_used_bytes",
       "gauge",
       "Use of the root file system",
       [](const auto& sample) { return disk(sample, &protocol::DiskSample::used_bytes); }},
      {"portoser_host_disk_total_bytes",
       "gauge",
       "Size of the root file system",
       [](const auto& sample) { return disk(sample, &protocol::DiskSample::total_bytes); }},
      {"portoser_host_network_receive_bytes_total",
       "counter",
       "Received since the host booted",
       [](const auto& sample) { return as_number(network_of(sample).receive_bytes); }},
      {"portoser_host_network_transmit_bytes_total",
       "counter",
       "Sent since the host booted",
       [](const auto& sample) { return as_number(network_of(sample).transmit_bytes); }},
      {"portoser_host_boot_time_seconds",
       "gauge",
       "When the host booted, in Unix time",
       [](const auto& sample) {
         return std::optional{static_cast<double>(sample.boot_time_us) / 1e6};
       }},
  };
  return families;
}

bool is_fresh(const HostLive& host) {
  return host.sample && host.liveness != fleet::Liveness::offline &&
         host.liveness != fleet::Liveness::unknown;
}

using FreshHosts = std::vector<std::pair<std::string_view, const HostLive*>>;

/// One series for each file system, with the labels of Prometheus' own node exporter.
void write_disks(Exposition& out, const FreshHosts& hosts) {
  using Disk = protocol::DiskSample;
  using Value = std::optional<double> (*)(const Disk&);
  struct Family {
    std::string_view name;
    std::string_view help;
    Value value;
  };
  static constexpr std::array<Family, 5> families{{
      {"portoser_filesystem_size_bytes",
       "Size of a file system",
       [](const Disk& disk) { return std::optional{static_cast<double>(disk.total_bytes)}; }},
      {"portoser_filesystem_used_bytes",
       "Use of a file system",
       [](const Disk& disk) { return std::optional{static_cast<double>(disk.used_bytes)}; }},
      {"portoser_filesystem_avail_bytes",
       "What an unprivileged user may still fill",
       [](const Disk& disk) { return std::optional{static_cast<double>(disk.available_bytes)}; }},
      {"portoser_filesystem_device_read_bytes_per_second",
       "Read from the device of a file system",
       [](const Disk& disk) { return disk.read_bytes_per_second; }},
      {"portoser_filesystem_device_written_bytes_per_second",
       "Written to the device of a file system",
       [](const Disk& disk) { return disk.write_bytes_per_second; }},
  }};
  for (const auto& family : families) {
    out.family(family.name, "gauge", family.help);
    for (const auto& [name, host] : hosts) {
      for (const auto& disk : host->sample->disks) {
        const auto value = family.value(disk);
        if (!value) continue;
        out.sample({{"machine", name},
                    {"device", disk.device},
                    {"mountpoint", disk.mount},
                    {"fstype", disk.file_system}},
                   *value);
      }
    }
  }
}

void write_networks(Exposition& out, const FreshHosts& hosts) {
  using Network = protocol::NetworkSample;
  const auto write = [&](std::string_view name, std::string_view help, auto part) {
    out.family(name, "counter", help);
    for (const auto& [machine, host] : hosts) {
      for (const auto& network : host->sample->networks) {
        out.sample({{"machine", machine}, {"device", network.interface}},
                   static_cast<double>(network.*part));
      }
    }
  };
  write("portoser_network_receive_bytes_total",
        "Received on an interface since the host booted",
        &Network::receive_bytes);
  write("portoser_network_transmit_bytes_total",
        "Sent on an interface since the host booted",
        &Network::transmit_bytes);
}

void write_services(Exposition& out, const registry::Registry& registry, const HostLives& hosts) {
  struct Row {
    const registry::Service* service;
    ServiceStatus status;
    std::optional<ServiceUsage> usage;
  };
  std::vector<Row> rows;
  for (const auto& service : registry.services()) {
    if (!service.current_host) continue;
    const auto host = hosts.find(*service.current_host);
    const auto* live = host == hosts.end() ? nullptr : host->second.get();
    const bool fresh = live != nullptr && is_fresh(*live);
    rows.push_back(
        {&service, status_of(service, live), fresh ? usage_of(service.name, *live) : std::nullopt});
  }
  out.family("portoser_service_up", "gauge", "1: the service runs, 0: it is stopped");
  for (const auto& row : rows) {
    if (row.status.status == "unknown") continue;
    out.sample({{"service", row.service->name}, {"machine", *row.service->current_host}},
               row.status.status == "running" ? 1 : 0);
  }
  const auto write =
      [&](std::string_view name, std::string_view type, std::string_view help, auto part) {
        out.family(name, type, help);
        for (const auto& row : rows) {
          if (!row.usage || !((*row.usage).*part)) continue;
          out.sample({{"service", row.service->name}, {"machine", *row.service->current_host}},
                     static_cast<double>(*((*row.usage).*part)));
        }
      };
  write("portoser_service_cpu_percent",
        "gauge",
        "CPU use, of the whole machine, 0 to 100",
        &ServiceUsage::cpu_percent);
  write("portoser_service_memory_bytes",
        "gauge",
        "Memory in use, without inactive page cache",
        &ServiceUsage::memory_bytes);
  write("portoser_service_network_receive_bytes_total",
        "counter",
        "Received by the containers since their start",
        &ServiceUsage::receive_bytes);
  write("portoser_service_network_transmit_bytes_total",
        "counter",
        "Sent by the containers since their start",
        &ServiceUsage::transmit_bytes);
  write("portoser_service_block_read_bytes_total",
        "counter",
        "Read from block devices by the containers since their start",
        &ServiceUsage::block_read_bytes);
  write("portoser_service_block_written_bytes_total",
        "counter",
        "Written to block devices by the containers since their start",
        &ServiceUsage::block_write_bytes);
}

}  // namespace

void write_fleet_families(Exposition& out,
                          const registry::Registry& registry,
                          const Live& live,
                          Time now) {
  const auto hosts = live.hosts();
  const auto find = [&](const std::string& name) -> const HostLive* {
    const auto found = hosts.find(name);
    return found == hosts.end() ? nullptr : found->second.get();
  };
  out.family("portoser_host_up", "gauge", "1: the host's agent is heard, 0: it is not");
  for (const auto& host : registry.hosts()) {
    const auto* entry = find(host.name);
    // A host that never had an agent is neither up nor down.
    if (entry == nullptr || entry->liveness == fleet::Liveness::unknown) continue;
    out.sample({{"machine", host.name}}, entry->liveness == fleet::Liveness::offline ? 0 : 1);
  }
  FreshHosts fresh;
  for (const auto& host : registry.hosts()) {
    const auto* entry = find(host.name);
    if (entry != nullptr && is_fresh(*entry)) fresh.emplace_back(host.name, entry);
  }
  for (const auto& family : host_families()) {
    out.family(family.name, family.type, family.help);
    for (const auto& [name, host] : fresh) {
      if (const auto value = family.value(*host->sample)) out.sample({{"machine", name}}, *value);
    }
  }
  write_disks(out, fresh);
  write_networks(out, fresh);
  out.family("portoser_agent_last_sample_age_seconds", "gauge", "Age of the newest sample");
  for (const auto& host : registry.hosts()) {
    const auto* entry = find(host.name);
    if (entry == nullptr || !entry->sample) continue;
    out.sample({{"machine", host.name}},
               std::max(std::chrono::duration<double>(now - entry->sample_at).count(), 0.0));
  }
  write_services(out, registry, hosts);
  out.family("portoser_uptime_events_total", "counter", "Events of services since the start");
  for (const auto& [key, count] : live.event_counts()) {
    out.sample({{"service", key[0]}, {"machine", key[1]}, {"event_type", key[2]}},
               static_cast<double>(count));
  }
  out.family("metrics_ingested_total", "counter", "Samples taken in since the start");
  out.sample({{"source", "agent"}, {"type", "sample"}}, static_cast<double>(live.samples()));
  out.sample({{"source", "agent"}, {"type", "late"}}, static_cast<double>(live.late_samples()));
}

void write_device_families(Exposition& out,
                           const fleet::Devices& devices,
                           const Live& live,
                           Time now) {
  std::map<std::string, int> by_status;
  for (const auto& [name, device] : devices) ++by_status[enum_name(device->liveness)];
  out.family("devices_online", "gauge", "Devices by liveness");
  for (const auto& [status, count] : by_status) {
    out.sample({{"status", status}, {"role", ""}}, count);
  }
  out.family("device_last_seen_seconds", "gauge", "Seconds since the device was last heard");
  for (const auto& [name, device] : devices) {
    if (!device->last_seen) continue;
    out.sample({{"hostname", name}},
               std::max(std::chrono::duration<double>(now - *device->last_seen).count(), 0.0));
  }
  const auto heartbeats = live.heartbeats();
  out.family("device_heartbeats_total", "counter", "Samples that arrived in time");
  for (const auto& [name, device] : devices) {
    const auto found = heartbeats.find(name);
    if (found == heartbeats.end()) continue;
    out.sample({{"hostname", name}, {"status", "ok"}}, static_cast<double>(found->second.ok));
    out.sample({{"hostname", name}, {"status", "error"}}, static_cast<double>(found->second.error));
  }
  out.family("device_resources", "gauge", "Capacity of the device");
  for (const auto& [name, device] : devices) {
    constexpr double gibibyte = 1 << 30;
    out.sample({{"hostname", name}, {"resource_type", "cpu_cores"}},
               static_cast<double>(device->facts.cpu_cores));
    out.sample({{"hostname", name}, {"resource_type", "memory_gb"}},
               static_cast<double>(device->facts.memory_bytes) / gibibyte);
    out.sample({{"hostname", name}, {"resource_type", "disk_gb"}},
               static_cast<double>(device->facts.disk_bytes) / gibibyte);
  }
}

}  // namespace portoser::telemetry
