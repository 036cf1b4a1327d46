/// What units of systemd use, from their cgroups.
#pragma once

#include "agent/collect/cgroup.h"
#include "agent/collect/usage_meter.h"

#include <optional>
#include <string>
#include <vector>

namespace portoser::agent::collect {

struct UnitHandle {
  std::string name;    ///< "nginx.service"; the id of its sample
  std::string cgroup;  ///< "/system.slice/nginx.service"; a handle without is left out
  /// Another start of it is another thing to measure.
  std::string invocation;
  bool operator==(const UnitHandle&) const = default;
};

class UnitCollector {
 public:
  /// `root` stands before every path that the mount table names.
  explicit UnitCollector(std::string root) : root_(std::move(root)) {}

  /// Replaces what is sampled: those that run.
  void set_units(const std::vector<UnitHandle>& handles);
  void set_mounts(const std::vector<Mount>& mounts);
  /// One without a process is left out: it uses nothing, and nothing is not zero.
  void collect(Uptime now,
               std::size_t threads,
               ReadBuffer& buffer,
               Problems& problems,
               std::vector<protocol::ContainerSample>& out);

 private:
  struct Tracked {
    UnitHandle handle;
    std::optional<CgroupPlace> processes;
    std::optional<ContainerCgroup> cgroup;
    UsageMeter meter;
  };

  std::string root_;
  std::vector<CgroupMount> cgroup_mounts_;
  std::vector<Tracked> units_;
};

}  // namespace portoser::agent::collect
