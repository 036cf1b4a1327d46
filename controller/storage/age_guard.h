/// Whether what looks old may be deleted. A wall clock that is ahead by mistake, at the start of a
/// machine without a battery, say, makes everything look old. So whoever finds it further than the
/// time that passed waits: for a quarter of the difference, at most a day. Somebody sets the clock
/// right meanwhile, or it was right and the machine was off. A mark in the database tells it across
/// restarts. On the executor of whoever asks, one question at a time.
#pragma once

#include "common/clock.h"
#include "common/tasks.h"

#include <optional>

namespace portoser::storage {

class Database;

class AgeGuard {
 public:
  AgeGuard(Database& database, const Clock& clock) : database_(database), clock_(clock) {}

  /// Asked before each round of deletions. Sure at first in a database that has no mark yet.
  asio::awaitable<bool> is_clock_sure();

 private:
  struct Anchor {
    Time wall;
    Uptime uptime{};
  };
  asio::awaitable<std::optional<Time>> mark();
  asio::awaitable<void> keep_mark(Time now);

  Database& database_;
  const Clock& clock_;
  std::optional<Anchor> sure_;         ///< both clocks when the wall clock was last believed
  std::optional<Uptime> ahead_since_;  ///< none: it is not ahead
};

}  // namespace portoser::storage
