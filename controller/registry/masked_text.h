/// The text of a registry with its secrets hidden, and back. Pure. Private to the room.
#pragma once

#include <string>
#include <string_view>

namespace portoser::registry {

/// Every value that looks secret is "***", also in comments and in a text that is no YAML; all else
/// stays to the byte.
std::string masked_text(std::string_view text);

/// `text` with each "***" that `masked_text(before)` has at that place replaced by what stands
/// there in `before`. One in the place of a secret that means none of these: `Error{invalid}`,
/// MASKED_SECRET, with line and column.
std::string unmasked_text(const std::string& text, const std::string& before);

}  // namespace portoser::registry
