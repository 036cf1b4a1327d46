#include "controller/telemetry/fleet_families.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <string>

namespace portoser::telemetry {
namespace {

void write_resources(Exposition& out, const fleet::Devices& devices) {
  constexpr double gibibyte = 1 << 30;
  out.family("device_resources", "gauge", "Capacity of the device");
  for (const auto& [name, device] : devices) {
    // A device that joined and never connected has not said what it has.
    const auto write = [&out, &host = name](std::string_view type, double value) {
      if (value > 0) out.sample({{"hostname", host}, {"resource_type", type}}, value);
    };
    const auto& facts = device->facts;
    write("cpu_cores", static_cast<double>(facts.cpu_cores));
    write("memory_gb", static_cast<double>(facts.memory_bytes) / gibibyte);
    write("disk_gb", static_cast<double>(facts.disk_bytes) / gibibyte);
  }
}

}  // namespace

void write_device_families(Exposition& out, const fleet::Devices& all, const FleetReading& fleet) {
  // Who asks to be let in makes no series.
  fleet::Devices devices;
  for (const auto& one : all) {
    if (one.second->approval == fleet::Approval::approved) devices.insert(devices.end(), one);
  }
  std::map<std::string, int> by_status;
  for (const auto& [name, device] : devices) ++by_status[enum_name(device->liveness)];
  // Each device is in one of them, so that they can be added up.
  out.family("devices_online", "gauge", "Devices by liveness");
  for (const auto& [status, count] : by_status) {
    out.sample({{"status", status}, {"role", ""}}, count);
  }
  out.family("device_last_seen_seconds", "gauge", "Seconds since the device was last heard");
  for (const auto& [name, device] : devices) {
    if (!device->last_seen) continue;
    const std::chrono::duration<double> age = fleet.now - *device->last_seen;
    out.sample({{"hostname", name}}, std::max(age.count(), 0.0));
  }
  const auto heartbeats = fleet.live.heartbeats();
  out.family("device_heartbeats_total", "counter", "Samples that arrived in time");
  for (const auto& [name, device] : devices) {
    const auto found = heartbeats.find(name);
    if (found == heartbeats.end()) continue;
    out.sample({{"hostname", name}, {"status", "ok"}}, static_cast<double>(found->second.ok));
    out.sample({{"hostname", name}, {"status", "error"}}, static_cast<double>(found->second.error));
  }
  write_resources(out, devices);
}

}  // namespace portoser::telemetry
