/// Taking elements out of a list or map in brackets. Private to the room.
#pragma once

#include "controller/registry/layout.h"
#include "controller/registry/splices.h"

#include <cstddef>
#include <string_view>
#include <vector>

namespace portoser::registry {

/// An item, or a member with its key.
struct FlowElement {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool goes = false;
};

/// Erases those that go, with their commas and the comments in their lines. Of all others every
/// byte stays; a comma that cannot be erased without a comment stays too, which YAML allows.
/// `content` and `end` are those of the brackets.
void erase_from_flow(std::string_view text,
                     std::size_t content,
                     std::size_t end,
                     const std::vector<FlowElement>& elements,
                     Splices& splices);

}  // namespace portoser::registry
