/// When something that happens on a host has witnesses. Pure.
#pragma once

#include <cstdint>
#include <vector>

namespace portoser::test {

/// From this time on.
struct Watch {
  std::int64_t from_us = 0;
  bool is_kept = false;  ///< engine and agent both live: none is off, stopped, frozen or starting
  bool forgets = false;  ///< at this moment the engine lost its memory of events
};

/// The host has to tell what happened there at that time: agent and engine lived and went on for as
/// long as it takes to see it, or they did so later, when the engine still knew it. Who loses the
/// engine's memory first may tell less. `watch`: in the order of time.
bool has_witness(std::int64_t time_us, const std::vector<Watch>& watch);

}  // namespace portoser::test
