/// A host's clocks as the controller sees them: turns the moments that an agent reports into the
/// controller's own time. Pure; owned by whoever holds it.
#pragma once

#include "common/clock.h"
#include "protocol/messages.h"

#include <optional>
#include <string>

namespace portoser::fleet {

/// When a message came in, by both clocks of the controller, read together.
struct Receipt {
  Time wall;
  Uptime uptime{};
};

struct HostTime {
  Time time;
  bool estimated = false;  ///< from an earlier boot: by the host's wall clock, corrected
};

/// Keeps a host's clocks as positions in the controller's uptime and asks the wall clock only when
/// a time is wanted: whoever sets the controller's clock changes nothing here, so the times of a
/// host that is quiet just then are not moved.
class HostClock {
 public:
  /// Learns from a message that was sent the moment it names. Delays only make a message look
  /// younger, so of one boot the smallest difference counts.
  void observe(const protocol::Moment& now, const Receipt& received);

  /// The controller's time of `moment`: the receipt less the age by the monotonic clocks. Never
  /// later than the receipt.
  [[nodiscard]] HostTime time_of(const protocol::Moment& moment, const Receipt& received) const;

 private:
  std::string boot_id_;
  // Controller's uptimes: when the host's uptime was 0, and when its wall clock would have been.
  std::optional<std::chrono::microseconds> boot_at_;
  std::optional<std::chrono::microseconds> wall_zero_at_;
};

}  // namespace portoser::fleet
