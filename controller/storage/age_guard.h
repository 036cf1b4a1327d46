/// Whether what looks old may be deleted. A wall clock that is ahead by mistake makes everything
/// look old. So whoever finds it further than the time that passed waits: for a quarter of the
/// difference, at most a day, of time that controllers run. Somebody sets the clock right
/// meanwhile, or it was right and the machine was off. A mark in the database tells it across
/// restarts; a clock that is behind, as that of a machine without a battery before it hears of the
/// time, deletes nothing that is not old, and moves the mark only when it stays so. On the executor
/// of whoever asks, one question at a time.
#pragma once

#include "common/clock.h"
#include "common/tasks.h"

#include <chrono>
#include <optional>

namespace portoser::storage {

class Database;

class AgeGuard {
 public:
  AgeGuard(Database& database, const Clock& clock) : database_(database), clock_(clock) {}

  /// Asked before each round of deletions. Sure at first in a database that has no mark yet.
  asio::awaitable<bool> is_clock_sure();

 private:
  struct Mark {
    Time at;                              ///< when the wall clock was last believed
    std::chrono::microseconds waited{0};  ///< since then, while it was ahead
  };
  asio::awaitable<std::optional<Mark>> stored();
  asio::awaitable<void> keep();

  Database& database_;
  const Clock& clock_;
  std::optional<Mark> mark_;
  Uptime at_uptime_{};  ///< when that was, or when this began
  Uptime asked_{};      ///< the question before
  bool is_ahead_ = false;
  std::optional<Uptime> behind_since_;  ///< none: it is not behind
};

}  // namespace portoser::storage
