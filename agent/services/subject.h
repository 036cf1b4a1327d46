/// The judge of one service, or of one container that belongs to none: it turns what happens to the
/// containers into at most one event for each change. Pure: no clock, no engine.
///
/// A service with several containers counts as up while any of them is. So, in the order of the
/// rules:
/// - a container that fails is a `failure` of the service, whatever the others do;
/// - up again after a failure, with no failed container left, is its `recovery`;
/// - its first container that goes up after a stop is its `start`, its last one that is stopped (or
///   ended with 0) is its `stop`. One of several that somebody stops, or starts again, is no event:
///   the service's health tells it;
/// - a container that ended with 0 and was started again by its restart policy is a `restart`.
/// While a command of ours runs, what the engine was told to end or start is that command's: a stop
/// gives one `stop`, anything that brings up gives one `restart` when a running container had to go
/// down for it, one `start` when nothing ran before. A container that dies by itself meanwhile is
/// still a failure.
#pragma once

#include "agent/services/life.h"
#include "common/describe.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace portoser::agent::services {

/// The containers of a subject, counted after a change.
struct Crew {
  int up = 0;
  int failed = 0;
};

enum class Phase { unknown, running, stopped, failed };
BOOST_DESCRIBE_ENUM(Phase, unknown, running, stopped, failed)

/// The time of a command of ours. It stays after the end, for events that arrive later than they
/// happened.
struct CommandWindow {
  std::string command_id;
  std::string command;
  bool brings_up = false;
  bool was_running = false;
  bool went_down = false;
  bool announced = false;
  std::int64_t start_us = 0;  ///< as `Subject` is told of times
  std::int64_t end_us = 0;    ///< 0: still open
};
BOOST_DESCRIBE_STRUCT(
    CommandWindow,
    (),
    (command_id, command, brings_up, was_running, went_down, announced, start_us, end_us))

/// What a judge knows, for a file.
struct SubjectMemory {
  Phase phase = Phase::unknown;
  std::optional<CommandWindow> window;
};
BOOST_DESCRIBE_STRUCT(SubjectMemory, (), (phase, window))

/// An event to be.
struct Verdict {
  std::string_view event_type;  ///< start, stop, failure, recovery, restart
  std::string details;
  std::string command_id;  ///< of ours; empty: somebody else
};

/// What changed while nobody looked.
struct Difference {
  bool failed = false;       ///< a container that ran is down, and nobody wanted that
  bool interrupted = false;  ///< a container that ran is gone, or was started again
  std::string details;
};

/// Times are dates that nobody who sets the clock moves (WallHistory::steady_us).
class Subject {
 public:
  Subject() = default;
  explicit Subject(SubjectMemory memory);
  [[nodiscard]] SubjectMemory memory() const { return {phase_, window_}; }

  [[nodiscard]] Phase phase() const { return phase_; }
  /// Takes the containers as they are, without an event.
  void settle(Crew crew);

  std::optional<Verdict> started(Crew crew, std::int64_t when_us, bool was_recycled);
  /// `killed`: somebody told the engine to end it.
  std::optional<Verdict> ended(
      Crew crew, std::int64_t when_us, Ending ending, bool killed, std::string details);
  /// A container that was down is gone for good.
  std::optional<Verdict> removed(Crew crew, std::int64_t when_us);
  /// The first look after a time without events. `when_us`: when the difference came about.
  std::optional<Verdict> looked(Crew crew, std::int64_t when_us, Difference difference);

  /// `command`: its name in protocol/commands.h. One that is known, from an earlier agent, goes on.
  void command_started(std::string id, std::string_view command, Crew crew, std::int64_t when_us);
  /// What happens after that time is not the command's doing.
  void close_window(const std::string& id, std::int64_t end_us);
  std::optional<Verdict> command_ended(const std::string& id, bool succeeded, Crew crew);
  /// Whether a command of ours is behind what happened then.
  [[nodiscard]] bool is_ours(std::int64_t when_us) const;

 private:
  CommandWindow* window_at(std::int64_t when_us);

  Phase phase_ = Phase::unknown;
  std::optional<CommandWindow> window_;
};

}  // namespace portoser::agent::services
