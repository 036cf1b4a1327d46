/// How long a service was up, computed from what agents saw: its events, and the stretches in which
/// its host could tell. What nobody watched is unknown and counts for nothing. Pure; any thread.
#pragma once

#include "common/clock.h"

#include <cstdint>
#include <map>
#include <optional>
#include <unordered_set>
#include <vector>

namespace portoser::telemetry {

enum class UpState {
  unknown,
  up,
  down,     ///< it failed
  stopped,  ///< somebody stopped it
};

enum class UptimeChange { start, stop, failure, recovery, restart };

/// Something that happened to a service on a host.
struct UptimeEvent {
  std::int64_t id = 0;
  Time at;
  UptimeChange change{};
  bool operator==(const UptimeEvent&) const = default;
};

/// A stretch in which its host could tell.
struct Watched {
  Time from;
  Time to;
  UpState found = UpState::unknown;  ///< at the beginning
  bool is_sure = true;               ///< false: it may have failed before, and not be mended
};

/// A stretch of one state. The first begins, and the last ends, with the window.
struct UptimeSegment {
  Time from;
  Time to;
  UpState state = UpState::unknown;
  std::optional<UptimeChange> cause;  ///< the event that began it; none: it was found so
  bool operator==(const UptimeSegment&) const = default;
};

/// A state that was seen when somebody looked, and no event told.
struct Found {
  Time at;
  UpState state = UpState::unknown;
};

struct UptimeStats {
  std::chrono::microseconds up{};
  std::chrono::microseconds down{};
  std::chrono::microseconds stopped{};
  std::chrono::microseconds unknown{};
  std::int64_t failures = 0;    ///< up -> down, in the window
  std::int64_t recoveries = 0;  ///< down -> up, in the window
  /// 0 to 100, of the time that it was to run; nothing when that was never.
  std::optional<double> availability_percent;
  std::optional<double> mtbf_seconds;  ///< time up for each failure
  /// Mean length of the outages that ended in the window, as far as they lie in it and were
  /// watched.
  std::optional<double> mttr_seconds;
  UpState current = UpState::unknown;
  std::optional<Time> last_change;    ///< of state, by an event, also before the window
  std::optional<Time> current_since;  ///< it stands as it does without a gap; none: unknown

  [[nodiscard]] std::chrono::microseconds observed() const { return up + down + stopped; }
};

struct UptimeLog {
  std::vector<UptimeEvent> events;  ///< by time; those before the window say how it began
  std::vector<Watched> watched;     ///< by time, apart from each other
};

/// Covers [from, to) without a hole; empty for an empty window.
std::vector<UptimeSegment> uptime_segments(const UptimeLog& log, Time from, Time to);
/// For how long the state was seen that an event ended, by the event's id, for events with these
/// ids; not of those that changed nothing, or ended what nobody watched.
std::map<std::int64_t, std::chrono::microseconds> ended_states(
    const UptimeLog& log, const std::unordered_set<std::int64_t>& wanted);
/// Where a stretch began otherwise than was known: what happened before it, nobody saw. By time;
/// the first stretch of a log is not among them, unless an event came before it.
std::vector<Found> found_otherwise(const UptimeLog& log);
UptimeStats uptime_stats(const UptimeLog& log, Time from, Time to);

}  // namespace portoser::telemetry
