/// The keys of hosts and services in their spellings, and which of them a file uses. Private to the
/// room.
#pragma once

#include "controller/registry/edit.h"
#include "controller/registry/tree.h"

#include <string>
#include <string_view>
#include <vector>

namespace portoser::registry {

using Spellings = std::vector<std::string_view>;

/// All that means the same as the field, in the order in which they are read; the field alone when
/// it has one name only.
Spellings spellings_of(Section section, std::string_view field);

/// Of a key in a `health` map.
Spellings health_spellings_of(std::string_view key);

/// The keys under which entries of the section stand, in the order in which they are read.
Spellings section_keys(Section section);

/// The spelling that most entries of the file use; the documented one where none does.
std::string usual_spelling(const Node* root, Section section, std::string_view field);

/// The key of a section that the file does not have yet.
std::string new_section_key(const Node* root, Section section);

/// The first member of that key, merged ones too; null when there is none.
const Member* find_member(const Node& map, std::string_view key);

}  // namespace portoser::registry
