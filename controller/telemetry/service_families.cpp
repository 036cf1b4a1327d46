#include "controller/telemetry/fleet_families.h"
#include "controller/telemetry/service_view.h"

#include <optional>
#include <string>
#include <unordered_map>

namespace portoser::telemetry {
namespace {

/// A service on its host, with its labels, as all its families need them.
struct ServiceLine {
  const registry::Service* service;
  const HostLive* live;  ///< null: nothing was heard of its host
  ServiceStatus status;
  const MeasuredUsage* measured;  ///< null: it is not known now
  std::string labels;
};
using ServiceLines = std::vector<ServiceLine>;

/// `host.usages` keeps what was measured before, too.
const MeasuredUsage* newest_usage(const registry::Service& service,
                                  const HostLive& host,
                                  Time now) {
  if (!is_current(host, now) || !host.usages) return nullptr;
  const auto found = host.usages->find(service.name);
  const bool is_newest = found != host.usages->end() && found->second.is_newest;
  return is_newest ? &found->second : nullptr;
}

ServiceLines lines_of_services(const FleetReading& fleet) {
  ServiceLines lines;
  for (const auto& service : fleet.registry.services()) {
    if (!service.current_host) continue;
    const auto found = fleet.hosts.find(*service.current_host);
    const auto* live = found == fleet.hosts.end() ? nullptr : found->second.get();
    lines.push_back({&service,
                     live,
                     status_of(service, live),
                     live == nullptr ? nullptr : newest_usage(service, *live, fleet.now),
                     label_text({{"service", service.name}, {"machine", *service.current_host}})});
  }
  return lines;
}

void write_states(Exposition& out, const ServiceLines& lines) {
  out.family("portoser_service_up", "gauge", "1: the service runs, 0: it is stopped");
  for (const auto& line : lines) {
    if (line.status.status == "unknown") continue;
    out.sample_at(line.labels, line.status.status == "running" ? 1 : 0);
  }
  out.family("portoser_service_healthy",
             "gauge",
             "1: what the service runs is well, 0: its checks fail; only where they say so");
  for (const auto& line : lines) {
    const auto& health = line.status.health;
    if (health == "healthy" || health == "unhealthy") {
      out.sample_at(line.labels, health == "healthy" ? 1 : 0);
    }
  }
}

void write_usages(Exposition& out, const ServiceLines& lines) {
  // `of` is the part of what was measured that has the value.
  const auto write = [&](std::string_view name,
                         std::string_view type,
                         std::string_view help,
                         auto of,
                         auto value) {
    out.family(name, type, help);
    for (const auto& line : lines) {
      if (line.measured == nullptr) continue;
      const auto& known = line.measured->*of.*value;
      if (known) out.sample_at(line.labels, static_cast<double>(*known));
    }
  };
  write("portoser_service_cpu_percent",
        "gauge",
        "CPU use, of the whole machine, 0 to 100",
        &MeasuredUsage::usage,
        &ServiceUsage::cpu_percent);
  write("portoser_service_memory_bytes",
        "gauge",
        "Memory in use, without inactive page cache",
        &MeasuredUsage::usage,
        &ServiceUsage::memory_bytes);
  write("portoser_service_network_receive_bytes_total",
        "counter",
        "Received by the containers since the controller knows them",
        &MeasuredUsage::traffic,
        &Traffic::receive_bytes);
  write("portoser_service_network_transmit_bytes_total",
        "counter",
        "Sent by the containers since the controller knows them",
        &MeasuredUsage::traffic,
        &Traffic::transmit_bytes);
  write("portoser_service_block_read_bytes_total",
        "counter",
        "Read from block devices by the containers since the controller knows them",
        &MeasuredUsage::traffic,
        &Traffic::block_read_bytes);
  write("portoser_service_block_written_bytes_total",
        "counter",
        "Written to block devices by the containers since the controller knows them",
        &MeasuredUsage::traffic,
        &Traffic::block_write_bytes);
}

/// A service that is watched and never failed has 0 failures: a counter that came with its first
/// failure would hide that one from `increase()`.
void write_events(Exposition& out, const FleetReading& fleet, const ServiceLines& lines) {
  std::unordered_map<std::string_view, std::size_t> places;
  for (std::size_t i = 0; i < lines.size(); ++i) places.emplace(lines[i].service->name, i);
  std::vector<bool> has_failures(lines.size());
  out.family("portoser_uptime_events_total", "counter", "Events of services since the start");
  for (const auto* counted : fleet.live.event_counts()) {
    const auto found = places.find(counted->service);
    const bool is_here =
        found != places.end() && *lines[found->second].service->current_host == counted->machine;
    if (!is_here && (fleet.registry.find_service(counted->service) == nullptr ||
                     fleet.registry.find_host(counted->machine) == nullptr)) {
      continue;
    }
    const auto count = static_cast<double>(counted->count.load());
    if (!is_here) {
      out.sample({{"service", counted->service},
                  {"machine", counted->machine},
                  {"event_type", counted->event_type}},
                 count);
      continue;
    }
    if (counted->event_type == "failure") has_failures[found->second] = true;
    out.sample_at(lines[found->second].labels, {"event_type", counted->event_type}, count);
  }
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto& line = lines[i];
    if (has_failures[i] || line.live == nullptr ||
        line.live->liveness == fleet::Liveness::unknown) {
      continue;
    }
    out.sample_at(line.labels, {"event_type", "failure"}, 0);
  }
}

void write_availability(Exposition& out,
                        const ServiceLines& lines,
                        const AvailabilityTable& availability) {
  out.family("portoser_service_availability_ratio",
             "gauge",
             "Time up of the time that the service was to run and was watched, 0 to 1; of about a "
             "minute ago");
  for (const auto& line : lines) {
    const auto found = availability.find({line.service->name, *line.service->current_host});
    if (found == availability.end()) continue;
    for (std::size_t i = 0; i < availability_windows.size(); ++i) {
      if (const auto ratio = found->second.at(i)) {
        out.sample_at(line.labels, {"window", availability_windows.at(i).name}, *ratio);
      }
    }
  }
}

}  // namespace

void write_service_families(Exposition& out,
                            const FleetReading& fleet,
                            const AvailabilityTable& availability) {
  const auto lines = lines_of_services(fleet);
  write_states(out, lines);
  write_usages(out, lines);
  write_events(out, fleet, lines);
  write_availability(out, lines, availability);
}

}  // namespace portoser::telemetry
