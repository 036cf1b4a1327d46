/// How this machine's wall clock was set since it booted. The engine dates what happens by that
/// clock, and somebody may set it: a host without a battery boots in the past, a virtual machine
/// wakes up an hour late. The uptime knows nothing of that, so what an engine's date means is told
/// in uptime.
#pragma once

#include "common/describe.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace portoser::agent::services {

/// A time in which nobody set the clock. Microseconds; uptimes are of this boot.
struct WallPiece {
  std::int64_t offset_us = 0;  ///< wall clock less uptime, as last seen
  std::int64_t first_seen_us =
      0;  ///< uptime; it may have begun since the last look at the one before
  std::int64_t last_seen_us = 0;  ///< uptime
};
BOOST_DESCRIBE_STRUCT(WallPiece, (), (offset_us, first_seen_us, last_seen_us))

class WallHistory {
 public:
  WallHistory() = default;
  explicit WallHistory(std::vector<WallPiece> pieces) : pieces_(std::move(pieces)) {}

  /// Both clocks, read together. The more often, the better it is known when the clock was set.
  void observe(std::int64_t wall_us, std::int64_t uptime_us);

  /// The uptime at which the clock showed this: not later than the last observation, 0 for what was
  /// before this boot. A clock that was set back shows some times twice; the later one is taken.
  [[nodiscard]] std::int64_t uptime_at(std::int64_t wall_us) const;
  /// The date as the clock would have shown it if nobody had ever set it: two of these lie as far
  /// apart as what they date. Without a step, and from before this boot, the date itself.
  [[nodiscard]] std::int64_t steady_us(std::int64_t wall_us) const;
  /// Which of two dates of the engine came first.
  [[nodiscard]] bool is_before(std::int64_t a_us, std::int64_t b_us) const;

  /// By how much the clock was set back at most, all steps together.
  [[nodiscard]] std::int64_t set_back_us() const;
  /// The latest time that the clock has shown.
  [[nodiscard]] std::int64_t latest_us() const;

  /// For a file.
  [[nodiscard]] const std::vector<WallPiece>& pieces() const { return pieces_; }

 private:
  /// Beyond that the oldest is forgotten: somebody sets the clock all the time.
  static constexpr std::size_t limit = 32;

  /// The uptime of the newest piece that can have shown it; none: no piece can.
  [[nodiscard]] std::optional<std::int64_t> find(std::int64_t wall_us) const;

  std::vector<WallPiece> pieces_;
};

}  // namespace portoser::agent::services
