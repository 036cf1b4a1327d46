/// One sample of this host and its containers: processors, memory, disks, network, temperatures,
/// containers.
///
/// Owns the open files below /proc and in the cgroups, and the readings that the next sample is
/// compared with. Lives on the agent's Asio thread; a sample is some hundred microseconds of system
/// calls that do not block (network file systems are left out).
#pragma once

#include "agent/collect/containers.h"
#include "agent/collect/cpu.h"
#include "agent/collect/disk.h"
#include "agent/collect/facts.h"
#include "agent/collect/load.h"
#include "agent/collect/memory.h"
#include "agent/collect/mounts.h"
#include "agent/collect/network.h"
#include "agent/collect/problems.h"
#include "agent/collect/temperature.h"
#include "agent/collect/units.h"
#include "common/clock.h"
#include "protocol/messages.h"

#include <optional>
#include <string>
#include <vector>

namespace portoser::agent::collect {

using SamplerPaths = HostPaths;

class Sampler {
 public:
  /// `clock` outlives the sampler. No boot id: `Error{internal}`.
  explicit Sampler(const Clock& clock, const SamplerPaths& paths = {});

  /// What cannot be read is absent and named in `problems`, in every sample for as long as it
  /// lasts. Percentages and rates are those since the sample before; the first has none.
  protocol::Sample sample();

  /// The containers that run, from the next sample on. One that ended is left out of samples by
  /// itself; its descriptors are closed at the next sample or here.
  void set_containers(const std::vector<ContainerHandle>& handles);
  /// Likewise the units of systemd; in a sample they stand among the containers.
  void set_units(const std::vector<UnitHandle>& handles);

 private:
  const Clock& clock_;
  std::string boot_id_;
  ReadBuffer buffer_;
  Problems problems_;
  MountTable mounts_;
  CpuCollector cpu_;
  LoadCollector load_;
  MemoryCollector memory_;
  DiskCollector disk_;
  NetworkCollector network_;
  TemperatureCollector temperature_;
  ContainerCollector containers_;
  UnitCollector units_;
  std::optional<Uptime> before_;
};

}  // namespace portoser::agent::collect
