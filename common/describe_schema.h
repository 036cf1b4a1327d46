/// JSON Schema of described structs, for /openapi.json. Include it in sources only.
#pragma once

#include "common/describe_json.h"

#include <variant>

namespace portoser {

template <class T>
Json schema_of();

namespace detail {
template <class T>
inline constexpr bool is_variant = false;
template <class... Options>
inline constexpr bool is_variant<std::variant<Options...>> = true;

template <class... Options>
Json schema_of_any(const std::variant<Options...>* /*type*/) {
  return {{"anyOf", Json::array({schema_of<Options>()...})}};
}
}  // namespace detail

template <class T>
Json schema_of() {
  if constexpr (std::is_same_v<T, Json>) {
    return Json::object();  // any value
  } else if constexpr (detail::is_variant<T>) {
    return detail::schema_of_any(static_cast<const T*>(nullptr));
  } else if constexpr (std::is_same_v<T, Time>) {
    return {{"type", "string"}, {"format", "date-time"}};
  } else if constexpr (is_optional<T>) {
    auto schema = schema_of<typename T::value_type>();
    if (schema.contains("type")) {
      schema["type"] = Json::array({schema["type"], "null"});
    }
    return schema;
  } else if constexpr (std::is_same_v<T, bool>) {
    return {{"type", "boolean"}};
  } else if constexpr (std::is_integral_v<T>) {
    return {{"type", "integer"}};
  } else if constexpr (std::is_floating_point_v<T>) {
    return {{"type", "number"}};
  } else if constexpr (std::is_same_v<T, std::string>) {
    return {{"type", "string"}};
  } else if constexpr (is_vector<T>) {
    return {{"type", "array"}, {"items", schema_of<typename T::value_type>()}};
  } else if constexpr (is_string_map<T>) {
    return {{"type", "object"}, {"additionalProperties", schema_of<typename T::mapped_type>()}};
  } else if constexpr (DescribedEnum<T>) {
    Json names = Json::array();
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>(
        [&](auto entry) { names.push_back(entry.name); });
    return {{"type", "string"}, {"enum", names}};
  } else {
    static_assert(Described<T>, "describe this type, or add it here");
    Json properties = Json::object();
    for_each_member<T>([&](const char* name, auto pointer) {
      properties[name] = schema_of<std::remove_cvref_t<decltype(std::declval<T>().*pointer)>>();
    });
    return {{"type", "object"}, {"properties", properties}};
  }
}

}  // namespace portoser
