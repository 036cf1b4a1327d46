#include "controller/api/entry_fields.h"

namespace portoser::api {
namespace {

using registry::FieldValue;

FieldValue value_of(const Json& json) {
  if (json.is_string()) return FieldValue::of_text(json.get<std::string>());
  if (json.is_boolean()) return FieldValue::of_flag(json.get<bool>());
  if (json.is_number_integer()) return FieldValue::of_number(json.get<long long>());
  if (json.is_number()) return FieldValue::of_amount(json.get<double>());
  if (json.is_array()) {
    std::vector<FieldValue> items;
    for (const auto& item : json) items.push_back(value_of(item));
    return FieldValue::of_list(std::move(items));
  }
  if (json.is_object()) {
    std::vector<FieldValue::Member> members;
    for (const auto& [key, member] : json.items()) {
      if (!member.is_null()) members.emplace_back(key, value_of(member));
    }
    return FieldValue::of_map(std::move(members));
  }
  return {};
}

bool is_nothing(const FieldValue& value) {
  switch (value.kind) {
    case FieldValue::Kind::null:
      return true;
    case FieldValue::Kind::text:
      return value.text.empty();
    case FieldValue::Kind::word:
      return false;
    case FieldValue::Kind::list:
      return value.items.empty();
    case FieldValue::Kind::map:
      return value.members.empty();
  }
  return false;
}

}  // namespace

FieldValue field_value(std::string_view field, const Json& value) {
  auto made = value_of(value);
  const bool is_no_host = field == "current_host" && made.text == "unassigned";
  return is_nothing(made) || is_no_host ? FieldValue{} : made;
}

std::string require_name(const std::optional<std::string>& name) {
  if (name && !name->empty()) return *name;
  throw Error{Code::invalid, "the name is missing", "body.name"};
}

void require_same_name(const std::optional<std::string>& name, const std::string& of_path) {
  if (!name || *name == of_path) return;
  throw Error{Code::invalid, "an entry cannot be renamed", "body.name"}.hint(
      "edit the text (PUT /api/registry), or add one of the new name and remove the old one");
}

}  // namespace portoser::api
