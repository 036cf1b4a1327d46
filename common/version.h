#pragma once

#include <string_view>

namespace portoser {

/// The version of this build, as in CMakeLists.txt: "0.1.0".
extern const std::string_view version;
/// The commit that this build was configured from: "e3f9e8a"; "unknown" outside a repository.
extern const std::string_view revision;

}  // namespace portoser
