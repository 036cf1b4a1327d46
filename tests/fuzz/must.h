/// What a fuzz target says of its property: a broken one ends the program, as libFuzzer wants it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace portoser::test {

inline void must(bool holds) {
  if (!holds) __builtin_trap();
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace portoser::test
