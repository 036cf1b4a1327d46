/// Walks the kernel's text files without copying them.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

namespace portoser::agent::collect {

/// Takes the next line off `rest`. The kernel ends every line with a newline: a rest without one
/// was cut short, its last number may be wrong, and it is left out.
inline std::optional<std::string_view> next_line(std::string_view& rest) {
  const auto end = rest.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const auto line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return line;
}

/// Takes the next word off `rest`; words are parted by any number of blanks and tabs. Empty: no
/// more.
inline std::string_view next_word(std::string_view& rest) {
  const auto begin = rest.find_first_not_of(" \t");
  if (begin == std::string_view::npos) {
    rest = {};
    return {};
  }
  rest.remove_prefix(begin);
  const auto word = rest.substr(0, rest.find_first_of(" \t"));
  rest.remove_prefix(word.size());
  return word;
}

/// Takes what stands before the next `separator` off `rest`, possibly nothing.
inline std::string_view next_field(std::string_view& rest, char separator) {
  const auto end = rest.find(separator);
  const auto field = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return field;
}

/// A whole word of decimal digits; nullopt also for what does not fit.
inline std::optional<std::int64_t> to_count(std::string_view word) {
  std::int64_t number = 0;
  const auto* end = word.data() + word.size();
  const auto [stopped, failure] = std::from_chars(word.data(), end, number);
  if (failure != std::errc{} || stopped != end || number < 0) return std::nullopt;
  return number;
}

/// The number of the line "<key> <number>" in a file of such lines.
inline std::optional<std::int64_t> find_count(std::string_view text, std::string_view key) {
  while (const auto line = next_line(text)) {
    if (line->size() > key.size() && (*line)[key.size()] == ' ' && line->starts_with(key)) {
      return to_count(line->substr(key.size() + 1));
    }
  }
  return std::nullopt;
}

/// How fast a counter grew; nullopt when it went back (it began anew) or no time has passed.
inline std::optional<double> per_second(std::int64_t before, std::int64_t now, double seconds) {
  if (now < before || seconds <= 0.0) return std::nullopt;
  return static_cast<double>(now - before) / seconds;
}

}  // namespace portoser::agent::collect
