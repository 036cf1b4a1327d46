#include "controller/fleet/host_clock.h"

#include <algorithm>

namespace portoser::fleet {
namespace {

using std::chrono::microseconds;

microseconds to_us(std::chrono::nanoseconds duration) {
  return std::chrono::duration_cast<microseconds>(duration);
}

/// What lies `age` before the receipt; the future is now.
Time before(const Receipt& received, microseconds age) {
  return received.wall - std::max(age, microseconds{0});
}

/// The host's wall clock. What an agent sends is not to be trusted: sums of it must not overflow.
microseconds wall_of(const protocol::Moment& moment) {
  constexpr microseconds far = microseconds::max() / 8;
  return std::clamp(microseconds{moment.wall_us}, -far, far);
}

microseconds uptime_of(const protocol::Moment& moment) {
  return to_us(std::chrono::nanoseconds{moment.uptime_ns});
}

}  // namespace

void HostClock::observe(const protocol::Moment& now, const Receipt& received) {
  const auto boot_at = to_us(received.uptime) - uptime_of(now);
  // A difference this large is no delay: the host's uptime stood still (a virtual machine that was
  // paused).
  constexpr std::chrono::seconds host_stood_still{10};
  if (now.boot_id != boot_id_ || !boot_at_ || boot_at - *boot_at_ > host_stood_still) {
    boot_id_ = now.boot_id;
    boot_at_ = boot_at;
  } else {
    boot_at_ = std::min(*boot_at_, boot_at);
  }
  wall_zero_at_ = to_us(received.uptime) - wall_of(now);
}

HostTime HostClock::time_of(const protocol::Moment& moment, const Receipt& received) const {
  if (boot_at_ && moment.boot_id == boot_id_) {
    return {before(received, to_us(received.uptime) - (*boot_at_ + uptime_of(moment))), false};
  }
  if (wall_zero_at_) {
    return {before(received, to_us(received.uptime) - (*wall_zero_at_ + wall_of(moment))), true};
  }
  return {std::min(from_unix_us(moment.wall_us), received.wall), true};
}

}  // namespace portoser::fleet
