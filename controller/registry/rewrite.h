/// Changes of a YAML text in place: what is not asked for keeps every byte. Private to the room.
#pragma once

#include "controller/registry/value.h"

#include <string>
#include <string_view>
#include <vector>

namespace portoser::registry {

/// The keys that lead from the root of the file to a map; empty: the root itself.
using Path = std::vector<std::string>;

// Both expect a text that `parse_tree` has read, without a byte order mark; `file` is what messages
// call it. What cannot be done without touching something else (anchors, merge keys, unusual
// spellings) is `Error{conflict}`, EDIT_NOT_SAFE, with the place. That the result says what was
// meant is for the caller to see.

/// Gives the member `key` of a map this value. A new one is put at the map's end, written as its
/// siblings are. Of lists of words and of maps that are there already, what stays is left as it is.
std::string set_member(std::string_view text,
                       std::string_view file,
                       const Path& map,
                       const std::string& key,
                       const FieldValue& value);

/// Takes a member out, with the comments that stand in its lines; those above it stay.
std::string remove_member(std::string_view text,
                          std::string_view file,
                          const Path& map,
                          const std::string& key);

}  // namespace portoser::registry
