/// Where something is mounted on this host. Blocking; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace portoser {

/// Of /proc/self/mountinfo. Cannot be read: `Error{internal}`.
std::vector<std::string> mount_points();
/// As its text tells.
std::vector<std::string> mount_points_from(std::string_view mountinfo);

/// Those of `points` that lie below the folder, which may be one itself. Links that lead to the
/// folder are followed.
std::vector<std::string> mounts_below(const std::string& folder,
                                      const std::vector<std::string>& points);

}  // namespace portoser
