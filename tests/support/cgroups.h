/// Cgroups that tests or their engines made.
#pragma once

#include <filesystem>

namespace portoser::test {

/// Removes a cgroup with those below it, from the leaves on: its files are the kernel's. False:
/// there are processes in it; one that was killed leaves it a moment after its end, so ask again.
bool remove_cgroup(const std::filesystem::path& cgroup);

}  // namespace portoser::test
