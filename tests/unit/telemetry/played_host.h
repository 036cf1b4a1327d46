/// A host that reports what a test needs.
#pragma once

#include "controller/registry/load.h"
#include "controller/telemetry/live.h"
#include "tests/unit/telemetry/noon.h"

#include <string>
#include <utility>
#include <vector>

namespace portoser::telemetry {

/// "notes" on "brick".
inline registry::Registry small_registry() {
  return registry::parse_registry(
      "domain: attic.test\nhosts:\n  brick: {ip: 127.0.0.1}\n"
      "services:\n  notes: {current_host: brick, docker_compose: /srv/notes/compose.yml}\n",
      "registry.yml");
}

inline protocol::State state_of_notes(std::string status, std::vector<std::string> containers) {
  protocol::State state;
  state.engine_available = true;
  protocol::ServiceState notes;
  notes.name = "notes";
  notes.status = std::move(status);
  notes.health = "healthy";
  notes.container_ids = std::move(containers);
  state.services.push_back(std::move(notes));
  return state;
}

/// A machine with everything, `uptime` nanoseconds after its boot.
inline protocol::Sample full_sample(std::int64_t uptime) {
  protocol::Sample sample;
  sample.when.boot_id = "boot";
  sample.when.uptime_ns = uptime;
  sample.cpu.percent = 12.5;
  sample.cpu.load_1 = 0.5;
  sample.cpu.core_percent = {10, 15};
  sample.memory = protocol::MemorySample{4000, 1000, 800, 200};
  sample.disks = {
      {"/", "/dev/vda1", "ext4", 1000, 250, 700, 11.0, 22.0},
      {"/srv \"big\"", "/dev/vdb", "xfs", 9000, 4500, 4500, std::nullopt, std::nullopt}};
  sample.networks = {{"eth0", 100, 200, 1.0, 2.0}, {"wlan0", 30, 40, std::nullopt, std::nullopt}};
  return sample;
}

inline protocol::ContainerSample container(std::string id, std::int64_t block_read) {
  protocol::ContainerSample one;
  one.id = std::move(id);
  one.cpu_percent = 3.0;
  one.memory_bytes = 64;
  one.receive_bytes = 500;
  one.transmit_bytes = 600;
  one.block_read_bytes = block_read;
  return one;
}

}  // namespace portoser::telemetry
