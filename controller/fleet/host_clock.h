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

/// What the host's wall clock says of a time near `when`, by the controller's clock: moved in whole
/// seconds, and only when the two disagree by more than a few, so that it does not flicker.
/// `time`: the controller's time of `when`. 0 is a time that the agent does not know, and stays it.
std::int64_t corrected_wall_us(std::int64_t wall_us, const protocol::Moment& when, Time time);

/// Notices when somebody sets the controller's own wall clock. Pure.
class WallWatch {
 public:
  /// By how much it was set since the call before; 0: it was not. Less than a second is no setting.
  std::chrono::microseconds check(const Receipt& now);

 private:
  std::optional<std::chrono::microseconds> offset_;  ///< wall clock less uptime
};

/// Keeps a host's clocks as positions in the controller's uptime and asks the wall clock only when
/// a time is wanted: whoever sets the controller's clock changes nothing here, so the times of a
/// host that is quiet just then are not moved.
class HostClock {
 public:
  /// Learns from the first message of a connection, which waits for nothing.
  void meet(const protocol::Moment& now, const Receipt& received);
  /// Learns from a message that was sent the moment it names. Delays only make a message look
  /// younger, so of one boot the smallest difference counts; until two messages in a row show that
  /// the host's uptime stood still for a while (a virtual machine that was paused).
  void observe(const protocol::Moment& now, const Receipt& received);

  /// What the host's CLOCK_BOOTTIME says at this moment; rather less than more. `wall_us` is 0.
  /// None: nothing was heard of it.
  [[nodiscard]] std::optional<protocol::Moment> at(Uptime now) const;

  /// Of the boot that is known, and more than a minute after the host can have sent anything. Its
  /// uptime would be believed, and all that is true would look old beside it.
  [[nodiscard]] bool is_of_the_future(const protocol::Moment& moment,
                                      const Receipt& received) const;

  /// The controller's time of `moment`: the receipt less the age by the monotonic clocks. Never
  /// later than the receipt.
  [[nodiscard]] HostTime time_of(const protocol::Moment& moment, const Receipt& received) const;

 private:
  struct Later {
    std::chrono::microseconds boot_at;
    std::chrono::microseconds host_uptime;
  };
  bool stood_still(const Later& seen);

  std::string boot_id_;
  // Controller's uptimes: when the host's uptime was 0, and when its wall clock would have been.
  std::optional<std::chrono::microseconds> boot_at_;
  std::optional<std::chrono::microseconds> wall_zero_at_;
  std::optional<Later> later_;  ///< a message that came much later than it should have
};

}  // namespace portoser::fleet
