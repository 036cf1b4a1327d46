/// JSON of described structs. Include it in sources only: nlohmann's header is heavy.
#pragma once

#include "common/clock.h"
#include "common/describe.h"
#include "common/error.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <limits>
#include <string>

namespace portoser {

/// Keeps the order in which members were declared, so that answers read like the documentation.
using Json = nlohmann::ordered_json;

template <class T>
Json to_json(const T& value) {
  if constexpr (std::is_same_v<T, Json>) {
    return value;
  } else if constexpr (std::is_same_v<T, Time>) {
    return to_rfc3339(value);
  } else if constexpr (is_optional<T>) {
    return value ? to_json(*value) : Json(nullptr);
  } else if constexpr (is_vector<T>) {
    Json array = Json::array();
    for (const auto& element : value) {
      array.push_back(to_json(element));
    }
    return array;
  } else if constexpr (is_string_map<T>) {
    Json object = Json::object();
    for (const auto& [key, element] : value) {
      object[key] = to_json(element);
    }
    return object;
  } else if constexpr (DescribedEnum<T>) {
    return enum_name(value);
  } else if constexpr (Described<T>) {
    Json object = Json::object();
    for_each_member<T>(
        [&](const char* name, auto pointer) { object[name] = to_json(value.*pointer); });
    return object;
  } else {
    return value;
  }
}

/// Text for a body or a frame. Invalid UTF-8 (from a container's log, say) is replaced.
inline std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

namespace detail {

inline Error wrong_type(const Json& json, const std::string& where, const std::string& wanted) {
  return Error{Code::invalid,
               "\"" + where + "\" must be " + wanted + ", not " + std::string{json.type_name()},
               where};
}

}  // namespace detail

/// Fills `out` from `json`. Unknown keys are ignored and missing ones keep their default; null
/// empties an optional and keeps any other default. A wrong type or range: `Error{invalid}` whose
/// `where` is the path below `where` ("body.timeout").
template <class T>
void from_json(const Json& json, T& out, const std::string& where) {
  if constexpr (std::is_same_v<T, Json>) {
    out = json;
  } else if constexpr (is_optional<T>) {
    if (json.is_null()) {
      out.reset();
    } else {
      from_json(json, out.emplace(), where);
    }
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!json.is_boolean()) throw detail::wrong_type(json, where, "true or false");
    out = json.get<bool>();
  } else if constexpr (std::is_integral_v<T>) {
    if (!json.is_number_integer()) throw detail::wrong_type(json, where, "a whole number");
    const bool fits =
        json.is_number_unsigned()
            ? json.get<std::uint64_t>() <= static_cast<std::uint64_t>(std::numeric_limits<T>::max())
            : (std::is_signed_v<T> && json.get<std::int64_t>() >=
                                          static_cast<std::int64_t>(std::numeric_limits<T>::min()));
    if (!fits) {
      throw Error{Code::invalid,
                  "\"" + where + "\" must be a whole number from " +
                      std::to_string(std::numeric_limits<T>::min()) + " to " +
                      std::to_string(std::numeric_limits<T>::max()),
                  where};
    }
    out = json.get<T>();
  } else if constexpr (std::is_floating_point_v<T>) {
    if (!json.is_number()) throw detail::wrong_type(json, where, "a number");
    out = json.get<T>();
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (!json.is_string()) throw detail::wrong_type(json, where, "a string");
    out = json.get<std::string>();
  } else if constexpr (std::is_same_v<T, Time>) {
    const auto time = json.is_string() ? time_from_rfc3339(json.get<std::string>()) : std::nullopt;
    if (!time) throw detail::wrong_type(json, where, "a time such as 2026-03-04T08:15:42Z");
    out = *time;
  } else if constexpr (is_vector<T>) {
    if (!json.is_array()) throw detail::wrong_type(json, where, "a list");
    out.clear();
    for (std::size_t i = 0; i < json.size(); ++i) {
      from_json(json[i], out.emplace_back(), where + "[" + std::to_string(i) + "]");
    }
  } else if constexpr (is_string_map<T>) {
    if (!json.is_object()) throw detail::wrong_type(json, where, "an object");
    out.clear();
    for (const auto& [key, element] : json.items()) {
      from_json(element, out[key], where + "." + key);
    }
  } else if constexpr (DescribedEnum<T>) {
    if (!json.is_string() || !enum_from_name(json.get<std::string>().c_str(), out)) {
      std::string names;
      boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>(
          [&](auto entry) { names += (names.empty() ? "" : ", ") + std::string{entry.name}; });
      throw detail::wrong_type(json, where, "one of " + names);
    }
  } else {
    static_assert(Described<T>, "describe this type, or add it to describe_json.h");
    if (!json.is_object()) throw detail::wrong_type(json, where, "an object");
    for_each_member<T>([&](const char* name, auto pointer) {
      const auto found = json.find(name);
      if (found == json.end()) return;
      using Member = std::remove_reference_t<decltype(out.*pointer)>;
      if (found->is_null() && !is_optional<Member> && !std::is_same_v<Member, Json>) return;
      from_json(*found, out.*pointer, where + "." + name);
    });
  }
}

}  // namespace portoser
