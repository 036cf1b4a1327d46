#include "controller/api/entry_fields.h"

#include "controller/registry/masked.h"

#include <string_view>

namespace portoser::api {
namespace {

using registry::FieldValue;

/// A member that is null is one that a form left empty.
void drop_nulls(FieldValue& value) {
  std::erase_if(value.members, [](const FieldValue::Member& member) {
    return member.second.kind == FieldValue::Kind::null;
  });
  for (auto& [key, member] : value.members) drop_nulls(member);
  for (auto& item : value.items) drop_nulls(item);
}

FieldValue value_of(const Json& json) {
  auto value = FieldValue::of_json(json);
  drop_nulls(value);
  return value;
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

/// C0, DEL and C1, the last as UTF-8; line breaks and tabs only where a value may have lines.
bool has_control_character(std::string_view text, bool may_have_lines) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (may_have_lines && (byte == '\n' || byte == '\t')) continue;
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    if (byte < 0x20U || byte == 0x7FU || (byte == 0xC2U && next >= 0x80U && next < 0xA0U)) {
      return true;
    }
  }
  return false;
}

/// `key` is the innermost one around the value.
void require_plain_text(std::string_view field, std::string_view key, const Json& value) {
  if (value.is_object()) {
    for (const auto& [inner, member] : value.items()) require_plain_text(field, inner, member);
  } else if (value.is_array()) {
    for (const auto& item : value) require_plain_text(field, key, item);
  }
  if (!value.is_string()) return;
  const auto& text = value.get_ref<const std::string&>();
  const auto where = fmt::format("body.{}", field);
  const bool may_have_lines = key == "description" || key.ends_with("command");
  if (has_control_character(text, may_have_lines)) {
    throw Error{Code::invalid, fmt::format("\"{}\" has a control character", key), where}.hint(
        "leave it out; no value of a registry needs one");
  }
  if (registry::has_mask(text)) {
    throw Error{
        Code::invalid, fmt::format("\"{}\" has \"***\" in the place of a secret", key), where}
        .reason("MASKED_SECRET")
        .hint("write the secret itself, or leave the field out of the body: then it stays");
  }
}

}  // namespace

FieldValue field_value(std::string_view field, const Json& value) {
  require_plain_text(field, field, value);
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
