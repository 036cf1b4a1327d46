/// How one container lives, as its own events tell it.
#pragma once

#include "agent/engine/container.h"
#include "common/describe.h"

#include <cstdint>
#include <optional>
#include <string>

namespace portoser::agent::services {

/// Times are the engine's wall clock; 0: not since the container's last start.
struct Life {
  bool up = false;
  bool failed = false;          ///< down, and nobody wanted that
  bool unseen = false;          ///< of a failed one: nobody saw its end, which may have been a stop
  bool recycled = false;        ///< ended with 0; its restart policy starts it again
  bool killed = false;          ///< was sent a signal that ends programs, through the engine
  std::int64_t changed_us = 0;  ///< when it last went up or down
  std::int64_t stop_asked_us = 0;
  std::int64_t out_of_memory_us = 0;
};
BOOST_DESCRIBE_STRUCT(
    Life, (), (up, failed, unseen, recycled, killed, changed_us, stop_asked_us, out_of_memory_us))

enum class Ending {
  stopped,   ///< somebody stopped it through the engine
  failed,    ///< exit code, out of memory, or a SIGKILL from elsewhere
  finished,  ///< exit 0, and no restart policy that brings it back
  recycled,  ///< exit 0, and the engine starts it again
};

bool is_up(const std::string& state);

/// Of a `die` event at `when_us`. That and the times of `life` are by a clock that nobody set.
Ending judge_ending(const Life& life,
                    const engine::Container& container,
                    std::int64_t exit_code,
                    std::int64_t when_us);

/// Of a container that is down and whose end was not seen.
Ending judge_past_ending(const engine::Container& container);

/// Whether such a container failed for sure: programs end with any code when they are stopped.
bool has_surely_failed(const engine::Container& container);

/// "exit 1", "exit 137 (SIGKILL)", "out of memory (exit 137)".
std::string ending_text(std::int64_t exit_code, bool out_of_memory);
/// Of a container that is down.
std::string ending_text(const engine::Container& container);

/// Whether the out-of-memory event at `oom_us` explains an end at `when_us`, by such a clock.
bool explains_end(std::int64_t oom_us, std::int64_t exit_code, std::int64_t when_us);

/// Takes over a signal that somebody sent through the engine.
void note_kill(Life& life, std::int64_t signal, std::int64_t stop_signal, std::int64_t when_us);

}  // namespace portoser::agent::services
