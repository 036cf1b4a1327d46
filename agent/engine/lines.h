/// Cuts a stream of blocks into lines, in bounded memory.
#pragma once

#include "common/error.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace portoser::agent::engine {

class LineSplitter {
 public:
  explicit LineSplitter(std::size_t limit = 1U << 20U) : limit_(limit) {}

  /// Calls `on_line(line)`, without the newline, for each line that `block` ends; empty lines are
  /// left out. The text is valid during the call only. A line over the limit: `Error{too_large}`.
  template <class OnLine>
  void add(std::string_view block, const OnLine& on_line) {
    while (!block.empty()) {
      const auto end = block.find('\n');
      const auto piece = block.substr(0, end);
      if (pending_.size() + piece.size() > limit_) {
        throw Error{
            Code::too_large,
            "the Docker engine sent a line of more than " + std::to_string(limit_) + " bytes"};
      }
      if (end == std::string_view::npos) {
        pending_ += piece;
        return;
      }
      block.remove_prefix(end + 1);
      if (pending_.empty()) {
        emit(piece, on_line);
      } else {
        pending_ += piece;
        emit(pending_, on_line);
        pending_.clear();
      }
    }
  }

 private:
  template <class OnLine>
  static void emit(std::string_view line, const OnLine& on_line) {
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (!line.empty()) on_line(line);
  }

  std::size_t limit_;
  std::string pending_;
};

}  // namespace portoser::agent::engine
