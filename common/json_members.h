/// Looking into JSON that is stored, or that another program wrote: what is missing, or of another
/// type, is empty. Any thread.
#pragma once

#include "common/describe_json.h"

#include <string>
#include <string_view>

namespace portoser {

/// Null: it is no JSON.
inline Json parsed_or_null(std::string_view text) {
  auto value = Json::parse(text, nullptr, false);
  return value.is_discarded() ? Json{} : value;
}

/// Null: there is none, or `object` is no object.
inline const Json& member_or_null(const Json& object, const char* key) {
  static const Json null;
  if (!object.is_object()) return null;
  const auto found = object.find(key);
  return found == object.end() ? null : *found;
}

inline std::string text_member(const Json& object, const char* key) {
  const auto& value = member_or_null(object, key);
  return value.is_string() ? value.get<std::string>() : std::string{};
}

inline const Json& list_member(const Json& object, const char* key) {
  static const Json none = Json::array();
  const auto& value = member_or_null(object, key);
  return value.is_array() ? value : none;
}

}  // namespace portoser
