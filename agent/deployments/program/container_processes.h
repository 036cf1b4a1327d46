/// Processes of containers, found and ended without the engine, which may be frozen. Blocking; any
/// thread.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace portoser::agent::deployments {

/// Those that are alive in a cgroup which is named by one of the containers' whole ids. `proc`:
/// where this machine's processes are seen.
std::vector<pid_t> processes_of(const std::set<std::string>& containers,
                                const std::filesystem::path& proc = "/proc");

}  // namespace portoser::agent::deployments
