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

/// What an agent sends is not to be trusted: sums of it must not overflow.
microseconds bounded(std::int64_t us) {
  constexpr microseconds far = microseconds::max() / 8;
  return std::clamp(microseconds{us}, -far, far);
}

/// The host's wall clock.
microseconds wall_of(const protocol::Moment& moment) {
  return bounded(moment.wall_us);
}

microseconds uptime_of(const protocol::Moment& moment) {
  return to_us(std::chrono::nanoseconds{moment.uptime_ns});
}

}  // namespace

std::int64_t corrected_wall_us(std::int64_t wall_us, const protocol::Moment& when, Time time) {
  if (wall_us == 0) return 0;
  constexpr std::chrono::seconds agreement{5};
  const auto difference = time.time_since_epoch() - wall_of(when);
  if (std::chrono::abs(difference) < agreement) return wall_us;
  return (bounded(wall_us) + std::chrono::round<std::chrono::seconds>(difference)).count();
}

microseconds WallWatch::check(const Receipt& now) {
  constexpr std::chrono::seconds smallest{1};
  const auto offset = now.wall.time_since_epoch() - to_us(now.uptime);
  const auto by = offset - offset_.value_or(offset);
  if (offset_ && std::chrono::abs(by) < smallest) return microseconds{0};
  offset_ = offset;
  return by;
}

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
