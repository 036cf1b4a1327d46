/// What compose prints, without the values that it repeats from a compose file. Pure.
#pragma once

#include <string>
#include <string_view>

namespace portoser::agent::actions {

/// A line about a value that compose cannot interpolate repeats the whole value, often a password
/// with a dollar in it: that is "***" then. Other lines stay as they are.
std::string masked_line(std::string_view line);

}  // namespace portoser::agent::actions
