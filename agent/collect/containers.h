/// What containers use, from their cgroups and the interfaces of their own network.
#pragma once

#include "agent/collect/cgroup.h"
#include "agent/collect/network.h"
#include "agent/collect/usage_meter.h"
#include "common/clock.h"
#include "common/file.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace portoser::agent::collect {

struct ContainerHandle {
  std::string id;
  std::int64_t pid = 0;  ///< of its first process; a handle with 0 is left out
  bool operator==(const ContainerHandle&) const = default;
};

class ContainerCollector {
 public:
  /// `root` stands before every path that the mount table names.
  ContainerCollector(std::string proc, std::string root);

  /// Replaces what is sampled; descriptors of containers that are not named any more are closed.
  void set_containers(const std::vector<ContainerHandle>& handles);
  void set_mounts(const std::vector<Mount>& mounts);
  /// A container that has ended is left out. `threads` are the machine's; 0: unknown.
  std::vector<protocol::ContainerSample> collect(Uptime now,
                                                 std::size_t threads,
                                                 ReadBuffer& buffer,
                                                 Problems& problems);

 private:
  enum class Network { own, host, unknown };
  struct Tracked {
    ContainerHandle handle;
    /// The process's folder below /proc: it stays with this process, so that a pid that is given
    /// out again is never mistaken for it.
    Descriptor process;
    Network network = Network::unknown;
    std::optional<ContainerCgroup> cgroup;
    UsageMeter meter;
    bool ended = false;
  };

  bool open(Tracked& container, ReadBuffer& buffer, Problems& problems);
  bool open_cgroup(Tracked& container, ReadBuffer& buffer, Problems& problems);
  /// False: the container has ended.
  bool read(Tracked& container,
            Uptime now,
            std::size_t threads,
            ReadBuffer& buffer,
            Problems& problems,
            protocol::ContainerSample& out);
  bool read_cgroup(Tracked& container,
                   Uptime now,
                   std::size_t threads,
                   ReadBuffer& buffer,
                   Problems& problems,
                   protocol::ContainerSample& out);
  bool read_network(const Tracked& container,
                    ReadBuffer& buffer,
                    Problems& problems,
                    protocol::ContainerSample& out);

  std::string proc_;
  std::string root_;
  std::string own_network_;  ///< "net:[4026531833]"
  std::vector<CgroupMount> cgroup_mounts_;
  std::vector<Tracked> containers_;
  std::vector<InterfaceCounters> interfaces_;
};

}  // namespace portoser::agent::collect
