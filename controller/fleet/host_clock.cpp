#include "controller/fleet/host_clock.h"

#include <algorithm>
#include <utility>

namespace portoser::fleet {
namespace {

using std::chrono::microseconds;

/// No message is on its way for longer, unless it waited somewhere.
constexpr std::chrono::seconds longest_delay{10};

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

void HostClock::meet(const protocol::Moment& now, const Receipt& received) {
  const auto boot_at = to_us(received.uptime) - uptime_of(now);
  const bool is_known = boot_at_ && now.boot_id == boot_id_;
  const bool is_later = is_known && boot_at - *boot_at_ > longest_delay;
  boot_at_ = is_known && !is_later ? std::min(*boot_at_, boot_at) : boot_at;
  boot_id_ = now.boot_id;
  wall_zero_at_ = to_us(received.uptime) - wall_of(now);
  later_.reset();
}

void HostClock::observe(const protocol::Moment& now, const Receipt& received) {
  const auto host_uptime = uptime_of(now);
  const auto boot_at = to_us(received.uptime) - host_uptime;
  const bool is_later = boot_at_ && now.boot_id == boot_id_ && boot_at - *boot_at_ > longest_delay;
  if (is_later && !stood_still({boot_at, host_uptime})) return;
  meet(now, received);
}

std::optional<protocol::Moment> HostClock::at(Uptime now) const {
  if (!boot_at_) return std::nullopt;
  protocol::Moment moment;
  moment.boot_id = boot_id_;
  moment.uptime_ns = std::chrono::nanoseconds{to_us(now) - *boot_at_}.count();
  return moment;
}

bool HostClock::is_of_the_future(const protocol::Moment& moment, const Receipt& received) const {
  constexpr std::chrono::minutes tolerance{1};
  return boot_at_ && moment.boot_id == boot_id_ &&
         uptime_of(moment) - (to_us(received.uptime) - *boot_at_) > tolerance;
}

/// Messages that waited come late too: behind a cable that was cut for a moment, or because we were
/// stopped. But those that waited together come closer together than they were sent.
bool HostClock::stood_still(const Later& seen) {
  constexpr std::chrono::milliseconds too_close_to_tell{400};
  if (later_ && seen.host_uptime - later_->host_uptime < too_close_to_tell) return false;
  const auto before = std::exchange(later_, seen);
  if (!before) return false;
  return std::chrono::abs(seen.boot_at - before->boot_at) <
         (seen.host_uptime - before->host_uptime) / 2;
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
