/// Names of streams: a ULID, and for one of several streams that belong together a number behind
/// it: "01ARZ3NDEKTSV4RRFFQ69G5FAV.3". Any thread.
#pragma once

#include "common/ids.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace portoser::protocol {

inline constexpr std::size_t ulid_length = 26;

/// What all numbers of a stream share.
inline std::string_view base_of_stream(std::string_view id) {
  return id.substr(0, ulid_length);
}

inline bool is_stream_id(std::string_view id) {
  constexpr std::size_t most_digits = 6;
  if (!is_ulid(base_of_stream(id))) return false;
  const auto rest = id.substr(ulid_length);
  if (rest.empty()) return true;
  return rest.size() >= 2 && rest.size() <= 1 + most_digits && rest.front() == '.' &&
         std::all_of(
             rest.begin() + 1, rest.end(), [](char one) { return one >= '0' && one <= '9'; });
}

/// Whether `id` is `of`, or one of its numbers.
inline bool is_part_of_stream(std::string_view id, std::string_view of) {
  if (!id.starts_with(of)) return false;
  return id.size() == of.size() || (of.size() == ulid_length && id[ulid_length] == '.');
}

}  // namespace portoser::protocol
