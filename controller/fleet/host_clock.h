/// A host's clocks as the controller sees them: turns the moments that an agent reports into the
/// controller's own time. Pure; owned by whoever holds it.
#pragma once

#include "common/clock.h"
#include "protocol/messages.h"

#include <optional>
#include <string>

namespace portoser::fleet {

struct HostTime {
  Time time;
  bool estimated = false;  ///< from an earlier boot: by the host's wall clock, corrected
};

class HostClock {
 public:
  /// Learns from a message that was sent the moment it names and received at `received`. Delays
  /// only make a message look younger, so of one boot the smallest difference counts.
  void observe(const protocol::Moment& now, Time received);

  /// The controller's time of `moment`, never later than `received`.
  [[nodiscard]] HostTime time_of(const protocol::Moment& moment, Time received) const;

  /// How far the host's wall clock is ahead; nothing before the first message.
  [[nodiscard]] std::optional<std::chrono::microseconds> wall_ahead() const { return wall_ahead_; }

 private:
  std::string boot_id_;
  std::optional<std::chrono::microseconds> boot_at_;  ///< controller's time of the host's uptime 0
  std::optional<std::chrono::microseconds> wall_ahead_;
};

}  // namespace portoser::fleet
