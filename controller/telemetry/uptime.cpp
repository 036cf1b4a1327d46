#include "controller/telemetry/uptime.h"

#include <algorithm>

namespace portoser::telemetry {
namespace {

UpState after(UptimeChange change) {
  switch (change) {
    case UptimeChange::failure:
      return UpState::down;
    case UptimeChange::stop:
      return UpState::stopped;
    case UptimeChange::start:
    case UptimeChange::recovery:
    case UptimeChange::restart:
      return UpState::up;
  }
  return UpState::unknown;
}

/// How it stood before anything is known to have happened: as the first samples found it, else what
/// the first event says of the time before it. A start says nothing: the service may be new.
UpState before_all(const UptimeLog& log) {
  const bool has_event_first =
      !log.events.empty() && (log.watched.empty() || log.events[0].at < log.watched[0].from);
  if (!log.watched.empty() && !has_event_first) {
    return log.watched[0].first_up ? UpState::up : UpState::stopped;
  }
  if (log.events.empty()) return UpState::unknown;
  switch (log.events[0].change) {
    case UptimeChange::stop:
    case UptimeChange::failure:
    case UptimeChange::restart:
      return UpState::up;
    case UptimeChange::recovery:
      return UpState::down;
    case UptimeChange::start:
      return UpState::unknown;
  }
  return UpState::unknown;
}

class Segments {
 public:
  Segments(Time from, Time to) : at_(from), to_(to) {}

  /// The state from where the last one ended up to `until`.
  void extend(Time until, UpState state, std::optional<UptimeChange> cause) {
    until = std::min(until, to_);
    if (until <= at_) return;
    if (!all_.empty() && all_.back().state == state) {
      all_.back().to = until;
    } else {
      all_.push_back({at_, until, state, cause});
    }
    at_ = until;
  }
  [[nodiscard]] Time at() const { return at_; }
  std::vector<UptimeSegment> take() { return std::move(all_); }

 private:
  Time at_;
  Time to_;
  std::vector<UptimeSegment> all_;
};

/// Walks through events and watched stretches side by side.
class Walk {
 public:
  Walk(const UptimeLog& log, Time from, Time to)
      : log_(log), to_(to), segments_(from, to), state_(before_all(log)) {}

  std::vector<UptimeSegment> all() {
    for (const auto& event : log_.events) {
      if (event.at >= to_) break;
      go_to(event.at);
      const auto next = after(event.change);
      if (next != state_) cause_ = event.change;
      state_ = next;
    }
    go_to(to_);
    return segments_.take();
  }

 private:
  void go_to(Time until) {
    while (segments_.at() < until) {
      while (watch_ < log_.watched.size() && log_.watched[watch_].to <= segments_.at()) ++watch_;
      if (watch_ == log_.watched.size() || log_.watched[watch_].from >= until) {
        segments_.extend(until, UpState::unknown, std::nullopt);
        return;
      }
      const auto& watch = log_.watched[watch_];
      segments_.extend(watch.from, UpState::unknown, std::nullopt);
      segments_.extend(std::min(until, watch.to), state_, cause_);
      if (segments_.at() >= to_) return;
    }
  }

  const UptimeLog& log_;
  Time to_;
  Segments segments_;
  UpState state_;
  std::optional<UptimeChange> cause_;
  std::size_t watch_ = 0;
};

double seconds(std::chrono::microseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

/// Changes of state that events tell, whether or not somebody watched the time between.
struct Changes {
  std::int64_t failures = 0;
  std::int64_t recoveries = 0;
  std::chrono::microseconds
      repaired{};  ///< of outages that ended, as far as they lie in the window
  std::optional<Time> last;
};

Changes changes_in(const UptimeLog& log, Time from, Time to) {
  Changes changes;
  auto state = before_all(log);
  Time since = from;
  for (const auto& event : log.events) {
    if (event.at >= to) break;
    const auto next = after(event.change);
    if (next == state) continue;
    if (event.at >= from) {
      if (next == UpState::down) ++changes.failures;
      if (state == UpState::down && next == UpState::up) {
        ++changes.recoveries;
        changes.repaired += event.at - std::max(since, from);
      }
    }
    state = next;
    since = event.at;
    changes.last = event.at;
  }
  return changes;
}

}  // namespace

std::vector<UptimeSegment> uptime_segments(const UptimeLog& log, Time from, Time to) {
  return Walk{log, from, to}.all();
}

UptimeStats uptime_stats(const UptimeLog& log, Time from, Time to) {
  UptimeStats stats;
  const auto segments = uptime_segments(log, from, to);
  for (const auto& segment : segments) {
    const auto length = segment.to - segment.from;
    switch (segment.state) {
      case UpState::up:
        stats.up += length;
        break;
      case UpState::down:
        stats.down += length;
        break;
      case UpState::stopped:
        stats.stopped += length;
        break;
      case UpState::unknown:
        stats.unknown += length;
        break;
    }
  }
  if (!segments.empty()) stats.current = segments.back().state;
  const auto changes = changes_in(log, from, to);
  stats.failures = changes.failures;
  stats.recoveries = changes.recoveries;
  stats.last_change = changes.last;
  if (const auto wanted = stats.up + stats.down; wanted.count() > 0) {
    stats.availability_percent = 100.0 * seconds(stats.up) / seconds(wanted);
  }
  if (stats.failures > 0) {
    stats.mtbf_seconds = seconds(stats.up) / static_cast<double>(stats.failures);
  }
  if (stats.recoveries > 0) {
    stats.mttr_seconds = seconds(changes.repaired) / static_cast<double>(stats.recoveries);
  }
  return stats;
}

}  // namespace portoser::telemetry
