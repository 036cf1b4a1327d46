/// A struct described once (BOOST_DESCRIBE_STRUCT) gives its JSON, its msgpack and its schema:
/// describe_json.h, describe_msgpack.h and describe_schema.h walk what this header names.
#pragma once

#include <boost/describe.hpp>
#include <boost/mp11.hpp>

#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace portoser {

/// Raw bytes: `bin` in msgpack. Not for JSON.
struct Bytes {
  std::string data;
  bool operator==(const Bytes&) const = default;
};

template <class T>
concept Described = boost::describe::has_describe_members<T>::value && !std::is_union_v<T>;

template <class T>
concept DescribedEnum = boost::describe::has_describe_enumerators<T>::value;

template <Described T>
using members_of =
    boost::describe::describe_members<T,
                                      boost::describe::mod_public | boost::describe::mod_inherited>;

/// Calls `visit(name, pointer to member)` for each member in its order of declaration.
template <Described T, class Visit>
void for_each_member(Visit&& visit) {
  boost::mp11::mp_for_each<members_of<T>>(
      [&](auto member) { visit(static_cast<const char*>(member.name), member.pointer); });
}

template <DescribedEnum E>
const char* enum_name(E value) {
  return boost::describe::enum_to_string(value, "unknown");
}

/// False when no enumerator has this name.
template <DescribedEnum E>
bool enum_from_name(const char* name, E& out) {
  return boost::describe::enum_from_string(name, out);
}

namespace detail {
template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};
template <class T>
struct IsStringMap : std::false_type {};
template <class T>
struct IsStringMap<std::map<std::string, T>> : std::true_type {};
}  // namespace detail

template <class T>
inline constexpr bool is_optional = detail::IsOptional<T>::value;
template <class T>
inline constexpr bool is_vector = detail::IsVector<T>::value;
template <class T>
inline constexpr bool is_string_map = detail::IsStringMap<T>::value;

}  // namespace portoser
