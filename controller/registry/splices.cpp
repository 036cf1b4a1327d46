#include "controller/registry/splices.h"

#include "common/error.h"

#include <algorithm>
#include <utility>

namespace portoser::registry {

std::size_t line_begin(std::string_view text, std::size_t offset) {
  const auto newline = offset == 0 ? std::string_view::npos : text.rfind('\n', offset - 1);
  return newline == std::string_view::npos ? 0 : newline + 1;
}

std::size_t behind_line(std::string_view text, std::size_t offset) {
  const auto newline = text.find('\n', offset);
  return newline == std::string_view::npos ? text.size() : newline + 1;
}

std::size_t column_of(std::string_view text, std::size_t offset) {
  return offset - line_begin(text, offset);
}

std::string_view line_break_of(std::string_view text) {
  const auto newline = text.find('\n');
  const bool has_return =
      newline != std::string_view::npos && newline > 0 && text[newline - 1] == '\r';
  return has_return ? "\r\n" : "\n";
}

void Splices::replace(std::size_t begin, std::size_t end, std::string what) {
  splices_.push_back(Splice{begin, end, std::move(what)});
}

void Splices::insert_lines(std::size_t at, const std::string& lines) {
  const bool is_open = at == text_.size() && !text_.empty() && text_.back() != '\n';
  insert(at, is_open ? std::string{line_break_of(text_)} + lines : lines);
}

std::string Splices::apply() const {
  auto ordered = splices_;
  std::stable_sort(ordered.begin(), ordered.end(), [](const Splice& a, const Splice& b) {
    return a.begin < b.begin;
  });
  std::string result;
  std::size_t at = 0;
  for (const auto& splice : ordered) {
    if (splice.begin < at || splice.end < splice.begin || splice.end > text_.size()) {
      throw Error{Code::internal, "two changes of one place in a text"};
    }
    result.append(text_.substr(at, splice.begin - at));
    result.append(splice.what);
    at = splice.end;
  }
  result.append(text_.substr(at));
  return result;
}

}  // namespace portoser::registry
