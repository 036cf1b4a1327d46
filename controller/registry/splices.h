/// Replacements in a text, collected and then made at once. Private to the room.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::registry {

inline constexpr auto npos = std::string_view::npos;

/// Where lines begin and end.
std::size_t line_begin(std::string_view text, std::size_t offset);
/// Behind the line break; the text's end for a last line without one.
std::size_t behind_line(std::string_view text, std::size_t offset);
/// From 0, in bytes.
std::size_t column_of(std::string_view text, std::size_t offset);
/// "\r\n" where the text's first line ends so.
std::string_view line_break_of(std::string_view text);

class Splices {
 public:
  explicit Splices(std::string_view text) : text_(text) {}

  void insert(std::size_t at, std::string what) { replace(at, at, std::move(what)); }
  void erase(std::size_t begin, std::size_t end) { replace(begin, end, {}); }
  void replace(std::size_t begin, std::size_t end, std::string what);
  /// Whole lines behind the line of `at`, which gets a line break if it has none.
  void insert_lines(std::size_t at, const std::string& lines);

  /// In the order of their places; of two at one place, the one that was added first. They must not
  /// overlap: `Error{internal}`.
  [[nodiscard]] std::string apply() const;

 private:
  struct Splice {
    std::size_t begin;
    std::size_t end;
    std::string what;
  };
  std::string_view text_;
  std::vector<Splice> splices_;
};

}  // namespace portoser::registry
