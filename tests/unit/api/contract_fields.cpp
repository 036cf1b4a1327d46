#include "tests/unit/api/contract_fields.h"

#include <gtest/gtest.h>

#include <sstream>
#include <stdexcept>

namespace portoser::api::contract {
namespace {

bool is_of_type(const Json& value, std::string_view type) {
  if (type == "string") return value.is_string();
  if (type == "time") {
    return value.is_string() && time_from_rfc3339(value.get<std::string>()).has_value();
  }
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_boolean();
  if (type == "array") return value.is_array();
  if (type == "object") return value.is_object();
  throw std::logic_error{"there is no type " + std::string{type}};
}

}  // namespace

Fields fields(std::string_view text) {
  Fields fields;
  std::istringstream words{std::string{text}};
  for (std::string word; words >> word;) {
    const auto colon = word.find(':');
    if (colon == std::string::npos) throw std::logic_error{word + " has no type"};
    fields[word.substr(0, colon)] = word.substr(colon + 1);
  }
  return fields;
}

Fields operator+(Fields fields, const Fields& more) {
  fields.insert(more.begin(), more.end());
  return fields;
}

void expect_fields(const Json& object,
                   const Fields& contract,
                   const Fields& ours,
                   std::string_view what) {
  ASSERT_TRUE(object.is_object()) << what << " is " << dump(object);
  const auto all = contract + ours;
  for (const auto& [field, declared] : all) {
    if (!object.contains(field)) {
      ADD_FAILURE() << what << " has no " << field;
      continue;
    }
    std::string_view type = declared;
    const bool may_be_null = type.ends_with('?');
    if (may_be_null) type.remove_suffix(1);
    const auto& value = object[field];
    EXPECT_TRUE((may_be_null && value.is_null()) || is_of_type(value, type))
        << field << " of " << what << " is " << dump(value) << ", no " << declared;
  }
  for (const auto& [key, value] : object.items()) {
    EXPECT_TRUE(all.contains(key)) << what << " also has " << key;
  }
}

}  // namespace portoser::api::contract
