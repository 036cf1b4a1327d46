/// What an edit of an entry is not about and still stands in the entry's lines: its other members,
/// comments, empty lines.
#pragma once

#include "controller/registry/edit.h"
#include "controller/registry/layout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::registry {

using Lines = std::vector<std::string>;

/// Whether the edit may touch the member of that key.
inline bool is_meant(const EntryEdit& edit, std::string_view key) {
  return std::any_of(edit.fields.begin(), edit.fields.end(), [&](const FieldChange& change) {
    // What the older keys mean stands in `health` where there is one.
    const bool is_in_health = key == "health" && change.field.starts_with("healthcheck_");
    return is_in_health || canonical_field(edit.section, key) == change.field;
  });
}

/// An entry whose members have lines of their own, by the line of its name.
inline bool has_lines_of_its_own(const std::string& first) {
  auto text = first.substr(0, first.find(" #"));
  text.erase(text.find_last_not_of(" \r\n") + 1);
  return text.ends_with(':');
}

/// The lines of such an entry without those of the members that the edit is about: a member has the
/// line of its key and those behind it that are further in.
inline Lines other_lines(const Lines& lines, const EntryEdit& edit) {
  constexpr auto none = std::string::npos;
  const auto column_of_text = [](const std::string& line) {
    return line.find_first_not_of(" \r\n");
  };
  const auto of_entry = column_of_text(lines.front());
  Lines others{lines.front()};
  auto of_members = none;
  bool is_inside_meant = false;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto& line = lines[i];
    const auto column = column_of_text(line);
    if (column == none) {
      others.push_back(line);
      continue;
    }
    const bool is_comment = line[column] == '#';
    if (of_members == none && !is_comment && column > of_entry) of_members = column;
    if (column <= of_members) {
      const auto key = line.substr(column, line.find(':', column) - column);
      is_inside_meant = column == of_members && !is_comment && is_meant(edit, key);
    }
    if (!is_inside_meant) others.push_back(line);
  }
  return others;
}

/// They are there to the byte and in their order; more may stand among them.
inline void expect_other_lines(const Lines& before, const Lines& after, const EntryEdit& edit) {
  auto others = other_lines(before, edit);
  ASSERT_FALSE(after.empty());
  // "name: {}" now: its last member went.
  if (!has_lines_of_its_own(after.front())) others.erase(others.begin());
  auto at = after.begin();
  for (const auto& line : others) {
    at = std::find(at, after.end(), line);
    ASSERT_NE(at, after.end()) << "gone, or in another place: " << line;
    ++at;
  }
}

/// An entry written in braces: each member that the edit is not about, as it is written. Comments
/// between members are not looked at.
inline Lines other_members(const std::string& text, const EntryEdit& edit) {
  Lines others;
  const auto root = parse_layout(text, "registry.yml");
  for (const auto* key : {"hosts", "machines", "services"}) {
    if ((std::string_view{key} == "services") != (edit.section == Section::services)) continue;
    const auto* section = root->find(key);
    const auto* entry =
        section != nullptr && section->value->is_map() ? section->value->find(edit.name) : nullptr;
    if (entry == nullptr) continue;
    for (const auto& member : entry->value->members) {
      const auto end = std::max(member.key_end, member.value->end);
      if (!is_meant(edit, member.key)) {
        others.push_back(text.substr(member.begin, end - member.begin));
      }
    }
  }
  return others;
}

}  // namespace portoser::registry
