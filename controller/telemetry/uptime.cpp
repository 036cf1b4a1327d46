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

/// A moment from which on the service stood so.
struct Turn {
  Time at;
  UpState state = UpState::unknown;
  const UptimeEvent* event = nullptr;  ///< null: it was found so
};

/// What the first event says of the time before it.
UpState before(const UptimeEvent& first) {
  switch (first.change) {
    case UptimeChange::stop:
    case UptimeChange::failure:
    case UptimeChange::restart:
      return UpState::up;
    case UptimeChange::recovery:
      return UpState::down;
    case UptimeChange::start:
      return UpState::unknown;  // it may not have been there
  }
  return UpState::unknown;
}

/// What a stretch that begins shows against what was known.
UpState as_found(UpState known, const Watched& watched) {
  return known == UpState::down && !watched.is_sure ? known : watched.found;
}

/// By time; the first is older than anything.
std::vector<Turn> turns_of(const UptimeLog& log) {
  std::vector<Turn> turns;
  turns.reserve(log.events.size() + log.watched.size() + 1);
  turns.push_back({Time::min(), log.events.empty() ? UpState::unknown : before(log.events[0])});
  const auto turn_to = [&](Time at, UpState state, const UptimeEvent* event) {
    if (state != turns.back().state) turns.push_back({at, state, event});
  };
  // A sample may show how it stood some moments before the event that it comes with.
  constexpr std::chrono::seconds beside{5};
  auto watched = log.watched.begin();
  const UptimeEvent* newest = nullptr;
  const auto look_until = [&](Time until) {
    for (; watched != log.watched.end() && watched->from < until; ++watched) {
      if (newest != nullptr && watched->from - newest->at <= beside) continue;
      turn_to(watched->from, as_found(turns.back().state, *watched), nullptr);
    }
  };
  for (const auto& event : log.events) {
    look_until(event.at);
    turn_to(event.at, after(event.change), &event);
    newest = &event;
  }
  look_until(Time::max());
  return turns;
}

/// Takes pieces of the window one after the other. `Sums` for figures, `Segments` for a picture.
class Segments {
 public:
  void add(Time from, Time to, UpState state, std::optional<UptimeChange> cause) {
    if (!all_.empty() && all_.back().state == state) {
      all_.back().to = to;
    } else {
      all_.push_back({from, to, state, cause});
    }
  }
  std::vector<UptimeSegment> take() { return std::move(all_); }

 private:
  std::vector<UptimeSegment> all_;
};

class Sums {
 public:
  explicit Sums(UptimeStats& stats) : stats_(stats) {}

  void add(Time from, Time to, UpState state, std::optional<UptimeChange>) {
    sum_of(state) += to - from;
    stats_.current = state;
  }

 private:
  std::chrono::microseconds& sum_of(UpState state) {
    switch (state) {
      case UpState::up:
        return stats_.up;
      case UpState::down:
        return stats_.down;
      case UpState::stopped:
        return stats_.stopped;
      case UpState::unknown:
        break;
    }
    return stats_.unknown;
  }

  UptimeStats& stats_;
};

/// Walks through turns and watched stretches side by side.
template <class Pieces>
class Walk {
 public:
  Walk(const UptimeLog& log, const std::vector<Turn>& turns, Time from, Time to, Pieces& pieces)
      : log_(log), turns_(turns), at_(from), to_(to), pieces_(pieces) {}

  void all() {
    for (std::size_t i = 0; i < turns_.size(); ++i) {
      const auto until = i + 1 < turns_.size() ? std::min(turns_[i + 1].at, to_) : to_;
      go_to(until, turns_[i]);
      if (until >= to_) break;
    }
  }

 private:
  void go_to(Time until, const Turn& turn) {
    std::optional<UptimeChange> cause;
    if (turn.event != nullptr) cause = turn.event->change;
    while (at_ < until) {
      while (watch_ < log_.watched.size() && log_.watched[watch_].to <= at_) ++watch_;
      if (watch_ == log_.watched.size() || log_.watched[watch_].from >= until) {
        add(until, UpState::unknown, std::nullopt);
        return;
      }
      const auto& watch = log_.watched[watch_];
      if (watch.from > at_) {
        add(watch.from, UpState::unknown, std::nullopt);
        cause.reset();  // what came before the gap did not begin what is behind it
      }
      add(std::min(until, watch.to), turn.state, cause);
    }
  }

  /// The state from where the last piece ended up to `until`.
  void add(Time until, UpState state, std::optional<UptimeChange> cause) {
    until = std::min(until, to_);
    if (until <= at_) return;
    pieces_.add(at_, until, state, cause);
    at_ = until;
  }

  const UptimeLog& log_;
  const std::vector<Turn>& turns_;
  Time at_;
  Time to_;
  Pieces& pieces_;
  std::size_t watch_ = 0;
};

double seconds(std::chrono::microseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

/// How much of a time was watched. Asked of times one behind the other.
class WatchedTime {
 public:
  explicit WatchedTime(const UptimeLog& log)
      : next_(log.watched.begin()), end_(log.watched.end()) {}

  std::chrono::microseconds between(Time from, Time to) {
    while (next_ != end_ && next_->to <= from) ++next_;
    std::chrono::microseconds sum{};
    for (auto one = next_; one != end_ && one->from < to; ++one) {
      sum += std::min(one->to, to) - std::max(one->from, from);
    }
    return sum;
  }

 private:
  std::vector<Watched>::const_iterator next_;
  std::vector<Watched>::const_iterator end_;
};

/// Changes of state that events tell, whether or not somebody watched the time between.
struct Changes {
  std::int64_t failures = 0;
  std::int64_t recoveries = 0;
  std::int64_t repairs = 0;              ///< recoveries from outages that somebody saw
  std::chrono::microseconds repaired{};  ///< what of these was seen in the window
  std::optional<Time> last;
};

Changes changes_in(const UptimeLog& log, const std::vector<Turn>& turns, Time from, Time to) {
  Changes changes;
  WatchedTime watched{log};
  for (std::size_t i = 1; i < turns.size() && turns[i].at < to; ++i) {
    const auto& turn = turns[i];
    const auto& previous = turns[i - 1];
    if (turn.event == nullptr) continue;
    changes.last = turn.at;
    if (turn.at < from) continue;
    if (turn.state == UpState::down) ++changes.failures;
    if (previous.state == UpState::down && turn.state == UpState::up) {
      ++changes.recoveries;
      const auto seen = watched.between(std::max(previous.at, from), turn.at);
      if (seen.count() > 0) ++changes.repairs;
      changes.repaired += seen;
    }
  }
  return changes;
}

/// Since when it stands as it does, as far as somebody saw it: since it turned so, was restarted,
/// or was found again.
std::optional<Time> current_since(const UptimeLog& log, const std::vector<Turn>& turns, Time to) {
  std::optional<Time> since;
  const auto later = [&](Time at) {
    if (at < to && at != Time::min()) since = since ? std::max(*since, at) : at;
  };
  for (const auto& turn : turns) later(turn.at);
  for (const auto& event : log.events) {
    if (event.change == UptimeChange::restart) later(event.at);
  }
  for (const auto& watched : log.watched) later(watched.from);
  return since;
}

}  // namespace

std::vector<UptimeSegment> uptime_segments(const UptimeLog& log, Time from, Time to) {
  const auto turns = turns_of(log);
  Segments segments;
  Walk{log, turns, from, to, segments}.all();
  return segments.take();
}

std::map<std::int64_t, std::chrono::microseconds> ended_states(
    const UptimeLog& log, const std::unordered_set<std::int64_t>& wanted) {
  std::map<std::int64_t, std::chrono::microseconds> lengths;
  const auto turns = turns_of(log);
  WatchedTime watched{log};
  for (std::size_t i = 1; i < turns.size(); ++i) {
    if (turns[i].event == nullptr || !wanted.contains(turns[i].event->id)) continue;
    const auto seen = watched.between(turns[i - 1].at, turns[i].at);
    if (seen.count() > 0) lengths[turns[i].event->id] = seen;
  }
  return lengths;
}

std::vector<Found> found_otherwise(const UptimeLog& log) {
  std::vector<Found> found;
  for (const auto& turn : turns_of(log)) {
    if (turn.event != nullptr || turn.at == Time::min()) continue;
    const bool anything_before = !log.events.empty() && log.events.front().at <= turn.at;
    if (anything_before || turn.at > log.watched.front().from) {
      found.push_back({turn.at, turn.state});
    }
  }
  return found;
}

UptimeStats uptime_stats(const UptimeLog& log, Time from, Time to) {
  UptimeStats stats;
  const auto turns = turns_of(log);
  Sums sums{stats};
  Walk{log, turns, from, to, sums}.all();
  const auto changes = changes_in(log, turns, from, to);
  stats.failures = changes.failures;
  stats.recoveries = changes.recoveries;
  stats.last_change = changes.last;
  if (stats.current != UpState::unknown) stats.current_since = current_since(log, turns, to);
  if (const auto wanted = stats.up + stats.down; wanted.count() > 0) {
    stats.availability_percent = 100.0 * seconds(stats.up) / seconds(wanted);
  }
  if (stats.failures > 0) {
    stats.mtbf_seconds = seconds(stats.up) / static_cast<double>(stats.failures);
  }
  if (changes.repairs > 0) {
    stats.mttr_seconds = seconds(changes.repaired) / static_cast<double>(changes.repairs);
  }
  return stats;
}

}  // namespace portoser::telemetry
