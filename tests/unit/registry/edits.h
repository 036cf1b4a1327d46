/// Edits of a registry's text in few words.
#pragma once

#include "common/error.h"
#include "controller/registry/edit.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace portoser::registry {

inline FieldValue text(std::string value) {
  return FieldValue::of_text(std::move(value));
}

inline FieldValue number(long long value) {
  return FieldValue::of_number(value);
}

inline EntryEdit addition_of(Section section, std::string name, std::vector<FieldChange> fields) {
  return {EntryEdit::Kind::add, section, std::move(name), std::move(fields)};
}

inline EntryEdit change_of(Section section, std::string name, std::vector<FieldChange> fields) {
  return {EntryEdit::Kind::change, section, std::move(name), std::move(fields)};
}

inline EntryEdit removal_of(Section section, std::string name) {
  return {EntryEdit::Kind::remove, section, std::move(name), {}};
}

inline std::string edited(std::string_view file, const EntryEdit& edit) {
  try {
    return apply_edit(file, "registry.yml", edit);
  } catch (const Error& error) {
    ADD_FAILURE() << edit.name << ": " << error.message() << " " << error.where();
  }
  return {};
}

inline std::string added(std::string_view file,
                         Section section,
                         std::string name,
                         std::vector<FieldChange> fields) {
  return edited(file, addition_of(section, std::move(name), std::move(fields)));
}

inline std::string changed(std::string_view file,
                           Section section,
                           std::string name,
                           std::vector<FieldChange> fields) {
  return edited(file, change_of(section, std::move(name), std::move(fields)));
}

inline std::string removed(std::string_view file, Section section, std::string name) {
  return edited(file, removal_of(section, std::move(name)));
}

/// The error with which the edit is refused; the test fails when it is not.
inline Error refusal(std::string_view file, const EntryEdit& edit) {
  try {
    const auto after = apply_edit(file, "registry.yml", edit);
    ADD_FAILURE() << edit.name << " was edited:\n" << after;
  } catch (const Error& error) {
    return error;
  }
  return Error{Code::internal, ""};
}

/// `text` with the one `part` of it that is meant replaced.
inline std::string replaced(std::string_view text, std::string_view part, std::string_view by) {
  std::string result{text};
  const auto at = result.find(part);
  EXPECT_NE(at, std::string::npos) << part;
  EXPECT_EQ(result.find(part, at + 1), std::string::npos) << part << " is there twice";
  if (at != std::string::npos) result.replace(at, part.size(), by);
  return result;
}

}  // namespace portoser::registry
