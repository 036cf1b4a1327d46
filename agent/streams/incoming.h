/// What came for a program and has not been written to it: one way of a stream at its end.
#pragma once

#include "protocol/messages.h"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

namespace portoser::agent::streams {

struct Incoming {
  std::int64_t next = 0;   ///< the number of the chunk that has to come
  std::int64_t taken = 0;  ///< so many are with the program
  std::deque<std::string> waiting;
  bool is_ended = false;  ///< nothing comes behind `waiting`

  /// What is wrong with it, in which case the stream is over; none: it waits now.
  std::optional<std::string> add(protocol::Chunk chunk) {
    if (chunk.data.data.size() > protocol::Chunk::data_limit) return "a piece of it is too large";
    if (is_ended || chunk.number != next) return "a piece of it is missing";
    if (next - taken >= protocol::Chunk::window) return "more of it came than was asked for";
    ++next;
    waiting.push_back(std::move(chunk.data.data));
    return std::nullopt;
  }

  std::optional<std::string> end(std::int64_t number) {
    if (is_ended || number != next) return "a piece of it is missing";
    is_ended = true;
    return std::nullopt;
  }
};

}  // namespace portoser::agent::streams
