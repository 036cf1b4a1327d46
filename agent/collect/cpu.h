/// Use of the processors, from the difference of two readings of /proc/stat.
#pragma once

#include "agent/collect/problems.h"
#include "agent/collect/pseudo_file.h"
#include "protocol/messages.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace portoser::agent::collect {

/// Ticks since boot: user, nice, system, idle, iowait, irq, softirq, steal. Guest time is part of
/// user and nice already.
using CpuTicks = std::array<std::int64_t, 8>;

struct CpuStat {
  struct Core {
    std::int64_t number = 0;
    CpuTicks ticks{};
  };
  CpuTicks all{};
  std::vector<Core> cores;                  ///< those that are online
  std::optional<std::int64_t> boot_time_s;  ///< wall clock
};

/// Fills `out`, whose memory is used again; false when the first line is not "cpu" with four
/// numbers.
bool parse_stat(std::string_view text, CpuStat& out);

/// 0 to 100. Idle and waiting for a disk is unused; stolen by the hypervisor is used: we cannot
/// have it. nullopt when no tick has passed.
std::optional<double> busy_percent(const CpuTicks& before, const CpuTicks& now);

class CpuCollector {
 public:
  explicit CpuCollector(const std::string& proc) : file_(proc + "/stat") {}

  /// The first sample, and the one after a failure, has no percentages. Without a value for each
  /// core (one was switched on or off) `core_percent` is empty.
  void collect(ReadBuffer& buffer, Problems& problems, protocol::CpuSample& out);
  /// Of the last reading; 0: none yet.
  [[nodiscard]] std::size_t threads() const { return now_.cores.size(); }
  [[nodiscard]] std::optional<std::int64_t> boot_time_s() const { return now_.boot_time_s; }

 private:
  PseudoFile file_;
  CpuStat before_;
  CpuStat now_;
  bool has_before_ = false;
};

}  // namespace portoser::agent::collect
