#include "controller/telemetry/fleet_families.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <string>

namespace portoser::telemetry {
namespace {

/// Anybody may ask to be let in under any name: until then, and when it was refused, it is counted
/// and has no series of its own.
bool is_let_in(const fleet::Device& device) {
  return device.approval == fleet::Approval::approved;
}

void write_counts(Exposition& out, const fleet::Devices& devices) {
  // All of them at all times: a count that is not there cannot raise an alert.
  std::map<std::string, int> by_status{{"online", 0},
                                       {"stale", 0},
                                       {"offline", 0},
                                       {"unknown", 0},
                                       {"pending", 0},
                                       {"rejected", 0},
                                       {"maintenance", 0},
                                       {"disabled", 0}};
  int online = 0;
  for (const auto& [name, device] : devices) {
    const auto status = fleet::status_over_liveness(*device);
    ++by_status[status.empty() ? enum_name(device->liveness) : status];
    // One in maintenance is heard as ever.
    if (is_let_in(*device) && device->liveness == fleet::Liveness::online) ++online;
  }
  out.family("devices_online", "gauge", "Devices that are heard; one series, so its sum is it");
  out.sample({{"status", "online"}, {"role", ""}}, online);
  out.family("portoser_devices", "gauge", "Devices by status; each is in one of them");
  for (const auto& [status, count] : by_status) out.sample({{"status", status}}, count);
}

/// Samples of agents and heartbeats by HTTP. An error: a sample of a host that its agent could not
/// read, a heartbeat that was refused.
void write_heartbeats(Exposition& out,
                      const fleet::Devices& devices,
                      const std::map<std::string, Live::Heartbeats, std::less<>>& by_agent,
                      const fleet::HeartbeatReading& by_http) {
  out.family("device_heartbeats_total",
             "counter",
             "Samples of agents that arrived in time, and heartbeats by HTTP");
  for (const auto& [name, device] : devices) {
    if (!is_let_in(*device)) continue;
    const auto samples = by_agent.find(name);
    const auto beats = by_http.find(name);
    if (samples == by_agent.end() && beats == by_http.end()) continue;
    Live::Heartbeats all;
    if (samples != by_agent.end()) all = samples->second;
    if (beats != by_http.end()) {
      all.ok += beats->second.ok;
      all.error += beats->second.refused;
    }
    out.sample({{"hostname", name}, {"status", "ok"}}, static_cast<double>(all.ok));
    out.sample({{"hostname", name}, {"status", "error"}}, static_cast<double>(all.error));
  }
}

void write_resources(Exposition& out, const fleet::Devices& devices) {
  constexpr double gibibyte = 1 << 30;
  out.family("device_resources", "gauge", "Capacity of the device");
  for (const auto& [name, device] : devices) {
    if (!is_let_in(*device)) continue;
    // A device that joined and never connected has not said what it has.
    const auto write = [&out, &host = name](std::string_view type, double value) {
      if (value > 0) out.sample({{"hostname", host}, {"resource_type", type}}, value);
    };
    // What somebody declared goes before what its agent counted, as in the list of devices.
    const auto& facts = device->facts;
    const auto declared = device->declared.resources.value_or(fleet::ResourcesUpdate{});
    write("cpu_cores", static_cast<double>(declared.cpu_cores.value_or(facts.cpu_cores)));
    const auto gibibytes = [](std::optional<std::int64_t> said, std::int64_t counted_bytes) {
      return said ? static_cast<double>(*said) : static_cast<double>(counted_bytes) / gibibyte;
    };
    write("memory_gb", gibibytes(declared.memory_gb, facts.memory_bytes));
    write("disk_gb", gibibytes(declared.disk_gb, facts.disk_bytes));
  }
}

}  // namespace

void write_device_families(Exposition& out,
                           const fleet::Devices& devices,
                           const fleet::HeartbeatReading& by_http,
                           const FleetReading& fleet) {
  write_counts(out, devices);
  out.family("device_last_seen_seconds", "gauge", "Seconds since the device was last heard");
  for (const auto& [name, device] : devices) {
    if (!is_let_in(*device) || !device->last_seen) continue;
    const std::chrono::duration<double> age = fleet.now - *device->last_seen;
    out.sample({{"hostname", name}}, std::max(age.count(), 0.0));
  }
  write_heartbeats(out, devices, fleet.live.heartbeats(), by_http);
  write_resources(out, devices);
}

}  // namespace portoser::telemetry
