/// Containers that somebody ends behind our back, and what the engine has to say of it.
#pragma once

#include "tests/cluster/cluster.h"

#include <cstdint>
#include <optional>
#include <string>

namespace portoser::test {

enum class Weapon {
  signal,  ///< SIGKILL to its first process: the engine is not asked
  engine,  ///< `docker kill`
};

struct CrashByHand {
  std::string container;     ///< its whole id
  std::int64_t died_us = 0;  ///< when the engine said so, by its wall clock
  Weapon weapon = Weapon::signal;
  /// The engine had been told to stop the container before (by an action of ours), so that its end
  /// may count as that stop.
  bool was_being_stopped = false;
};

/// Ends the container of the host's service, whose engine must answer. None: it did not run, or
/// something else ended or removed it in the same moment.
std::optional<CrashByHand> crash_by_hand(const ClusterHost& host, Weapon weapon);

}  // namespace portoser::test
