#include "controller/fleet/host_clock.h"

#include <algorithm>

namespace portoser::fleet {
namespace {

std::chrono::microseconds uptime_of(const protocol::Moment& moment) {
  return std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::nanoseconds{moment.uptime_ns});
}

}  // namespace

void HostClock::observe(const protocol::Moment& now, Time received) {
  const auto boot_at = received.time_since_epoch() - uptime_of(now);
  // A difference this large is no delay: one of the two clocks was set.
  constexpr std::chrono::seconds clock_was_set{10};
  if (now.boot_id != boot_id_ || !boot_at_ || boot_at - *boot_at_ > clock_was_set) {
    boot_id_ = now.boot_id;
    boot_at_ = boot_at;
  } else {
    boot_at_ = std::min(*boot_at_, boot_at);
  }
  wall_ahead_ = from_unix_us(now.wall_us) - received;
}

HostTime HostClock::time_of(const protocol::Moment& moment, Time received) const {
  if (boot_at_ && moment.boot_id == boot_id_) {
    return {std::min(Time{*boot_at_ + uptime_of(moment)}, received), false};
  }
  const auto ahead = wall_ahead_.value_or(std::chrono::microseconds{0});
  return {std::min(from_unix_us(moment.wall_us) - ahead, received), true};
}

}  // namespace portoser::fleet
