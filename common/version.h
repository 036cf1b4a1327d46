#pragma once

#include <string_view>

namespace portoser {

/// The version of this build, as in CMakeLists.txt: "0.1.0".
extern const std::string_view version;

}  // namespace portoser
