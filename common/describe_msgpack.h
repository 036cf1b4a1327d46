/// msgpack of described structs: a map from member name to value. Include it in sources only.
#pragma once

#include "common/describe.h"
#include "common/error.h"

#include <msgpack.hpp>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace portoser {

template <class Stream, class T>
void pack_described(msgpack::packer<Stream>& out, const T& value) {
  if constexpr (std::is_same_v<T, Bytes>) {
    out.pack_bin(static_cast<std::uint32_t>(value.data.size()));
    out.pack_bin_body(value.data.data(), static_cast<std::uint32_t>(value.data.size()));
  } else if constexpr (is_optional<T>) {
    if (value) {
      pack_described(out, *value);
    } else {
      out.pack_nil();
    }
  } else if constexpr (is_vector<T>) {
    out.pack_array(static_cast<std::uint32_t>(value.size()));
    for (const auto& element : value) {
      pack_described(out, element);
    }
  } else if constexpr (is_string_map<T>) {
    out.pack_map(static_cast<std::uint32_t>(value.size()));
    for (const auto& [key, element] : value) {
      out.pack(key);
      pack_described(out, element);
    }
  } else if constexpr (DescribedEnum<T>) {
    out.pack(std::string{enum_name(value)});
  } else if constexpr (Described<T>) {
    out.pack_map(static_cast<std::uint32_t>(boost::mp11::mp_size<members_of<T>>::value));
    for_each_member<T>([&](const char* name, auto pointer) {
      out.pack(name);
      pack_described(out, value.*pointer);
    });
  } else {
    out.pack(value);
  }
}

/// Where in a message something is. Text is made of it only when something is wrong there.
struct FieldPath {
  std::string_view name;
  const FieldPath* above = nullptr;  ///< null: this is the whole message

  [[nodiscard]] std::string text() const {
    if (above == nullptr) return std::string{name};
    return above->text() + (name == "[]" ? "" : ".") + std::string{name};
  }
};

/// Fills `out`: unknown keys are skipped, missing ones (and nil) keep their default, an unknown
/// enumerator keeps it too. A wrong type: `Error{invalid}` whose `where` is the path below `where`.
template <class T>
void unpack_described(const msgpack::object& in, T& out, const FieldPath& where) {
  const auto require = [&](bool fits, const char* wanted) {
    if (!fits) throw Error{Code::invalid, where.text() + " is not " + wanted, where.text()};
  };
  if (in.type == msgpack::type::NIL) {
    return;
  }
  if constexpr (std::is_same_v<T, Bytes>) {
    require(in.type == msgpack::type::BIN, "bin");
    out.data.assign(in.via.bin.ptr, in.via.bin.size);
  } else if constexpr (is_optional<T>) {
    unpack_described(in, out.emplace(), where);
  } else if constexpr (is_vector<T>) {
    require(in.type == msgpack::type::ARRAY, "an array");
    out.clear();
    out.reserve(in.via.array.size);
    const FieldPath element{"[]", &where};
    for (std::uint32_t i = 0; i < in.via.array.size; ++i) {
      unpack_described(in.via.array.ptr[i], out.emplace_back(), element);
    }
  } else if constexpr (is_string_map<T>) {
    require(in.type == msgpack::type::MAP, "a map");
    out.clear();
    for (std::uint32_t i = 0; i < in.via.map.size; ++i) {
      const auto& [key, element] = in.via.map.ptr[i];
      require(key.type == msgpack::type::STR, "a map with string keys");
      unpack_described(element, out[std::string(key.via.str.ptr, key.via.str.size)], where);
    }
  } else if constexpr (DescribedEnum<T>) {
    require(in.type == msgpack::type::STR, "a string");
    enum_from_name(std::string(in.via.str.ptr, in.via.str.size).c_str(), out);
  } else if constexpr (Described<T>) {
    require(in.type == msgpack::type::MAP, "a map");
    for (std::uint32_t i = 0; i < in.via.map.size; ++i) {
      const auto& entry = in.via.map.ptr[i];
      require(entry.key.type == msgpack::type::STR, "a map with string keys");
      const std::string_view key_text{entry.key.via.str.ptr, entry.key.via.str.size};
      for_each_member<T>([&](const char* name, auto pointer) {
        if (key_text == name) {
          const FieldPath member{name, &where};
          unpack_described(entry.val, out.*pointer, member);
        }
      });
    }
  } else if constexpr (std::is_same_v<T, std::string>) {
    require(in.type == msgpack::type::STR, "a string");
    out.assign(in.via.str.ptr, in.via.str.size);
  } else if constexpr (std::is_same_v<T, bool>) {
    require(in.type == msgpack::type::BOOLEAN, "a boolean");
    out = in.via.boolean;
  } else if constexpr (std::is_integral_v<T>) {
    require(
        in.type == msgpack::type::POSITIVE_INTEGER || in.type == msgpack::type::NEGATIVE_INTEGER,
        "an integer");
    if (in.type == msgpack::type::POSITIVE_INTEGER) {
      require(in.via.u64 <= static_cast<std::uint64_t>(std::numeric_limits<T>::max()), "in range");
      out = static_cast<T>(in.via.u64);
    } else {
      require(std::is_signed_v<T> &&
                  in.via.i64 >= static_cast<std::int64_t>(std::numeric_limits<T>::min()),
              "in range");
      out = static_cast<T>(in.via.i64);
    }
  } else {
    static_assert(std::is_floating_point_v<T>, "describe this type, or add it here");
    if (in.type == msgpack::type::POSITIVE_INTEGER) {
      out = static_cast<T>(in.via.u64);
    } else if (in.type == msgpack::type::NEGATIVE_INTEGER) {
      out = static_cast<T>(in.via.i64);
    } else {
      require(in.type == msgpack::type::FLOAT32 || in.type == msgpack::type::FLOAT64, "a number");
      out = static_cast<T>(in.via.f64);
    }
  }
}

}  // namespace portoser
