/// What must hold after a run of faults, by three witnesses: the engines (what runs), the agents'
/// logs (every durable message that they made) and the controller's database (what it has).
#pragma once

#include "tests/cluster/fault_run.h"

#include <string>
#include <vector>

namespace portoser::test {

/// Waits until the cluster is at rest: every job has ended, every message has arrived. Then returns
/// what is wrong, a sentence each; empty: nothing.
std::vector<std::string> check_after_faults(const Cluster& cluster, const FaultRun& run);

}  // namespace portoser::test
