/// Any bytes (names of files are no text) on one line, and back. Pure.
#pragma once

#include <string>
#include <string_view>

namespace portoser::agent::transfer {

/// Backslash, control characters and whatever is not ASCII become "\xNN".
std::string escaped(std::string_view bytes);
/// Not made by `escaped`: `Error{invalid}`.
std::string unescaped(std::string_view text);

}  // namespace portoser::agent::transfer
