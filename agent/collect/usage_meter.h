/// From the counters of a cgroup to what a sample says: percentages and rates since the sample
/// before.
#pragma once

#include "agent/collect/cgroup.h"
#include "common/clock.h"
#include "protocol/messages.h"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace portoser::agent::collect {

class UsageMeter {
 public:
  /// Fills what a cgroup tells. `threads` are the machine's; 0: unknown.
  void add(const CgroupUsage& usage,
           Uptime now,
           std::size_t threads,
           protocol::ContainerSample& out);
  /// The last step, when the counters of `out` are there.
  void add_rates(Uptime now, protocol::ContainerSample& out);
  /// What was counted before was another cgroup's.
  void forget_cpu() { cpu_.reset(); }

 private:
  struct CpuReading {
    std::int64_t used_ns = 0;
    Uptime when{};
  };
  struct Traffic {
    std::optional<std::int64_t> receive;
    std::optional<std::int64_t> transmit;
    std::optional<std::int64_t> block_read;
    std::optional<std::int64_t> block_write;
    Uptime when{};
  };

  std::optional<CpuReading> cpu_;
  Traffic traffic_;  ///< as of the sample before
};

}  // namespace portoser::agent::collect
