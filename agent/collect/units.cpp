#include "agent/collect/units.h"

#include <algorithm>
#include <utility>

namespace portoser::agent::collect {

void UnitCollector::set_units(const std::vector<UnitHandle>& handles) {
  std::vector<Tracked> next;
  next.reserve(handles.size());
  for (const auto& handle : handles) {
    if (handle.cgroup.empty()) continue;
    const auto known = std::find_if(
        units_.begin(), units_.end(), [&](const Tracked& unit) { return unit.handle == handle; });
    if (known != units_.end()) {
      next.push_back(std::move(*known));
      units_.erase(known);
    } else {
      next.emplace_back().handle = handle;
    }
  }
  units_ = std::move(next);
}

void UnitCollector::set_mounts(const std::vector<Mount>& mounts) {
  auto found = cgroup_mounts(mounts, root_);
  if (found == cgroup_mounts_) return;
  cgroup_mounts_ = std::move(found);
  for (auto& unit : units_) {
    unit.processes.reset();
    unit.cgroup.reset();
    unit.meter.forget_cpu();
  }
}

void UnitCollector::collect(Uptime now,
                            std::size_t threads,
                            ReadBuffer& buffer,
                            Problems& problems,
                            std::vector<protocol::ContainerSample>& out) {
  for (auto& unit : units_) {
    if (!unit.processes) unit.processes = process_place(unit.handle.cgroup, cgroup_mounts_);
    if (!unit.processes || !has_processes(*unit.processes, buffer)) continue;
    if (!unit.cgroup) unit.cgroup = ContainerCgroup::at(unit.handle.cgroup, cgroup_mounts_);
    const auto usage = unit.cgroup->read(buffer, problems);
    if (!usage) {
      unit.cgroup.reset();  // it may come back under its name
      continue;
    }
    protocol::ContainerSample sample;
    sample.id = unit.handle.name;
    unit.meter.add(*usage, now, threads, sample);
    unit.meter.add_rates(now, sample);
    out.push_back(std::move(sample));
  }
}

}  // namespace portoser::agent::collect
