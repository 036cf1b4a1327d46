/// Time, asked in one place only, so that tests can set it.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace portoser {

/// A moment of wall-clock time in UTC.
using Time = std::chrono::sys_time<std::chrono::microseconds>;
/// Time since this machine booted, suspended time included (CLOCK_BOOTTIME).
using Uptime = std::chrono::nanoseconds;

class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  [[nodiscard]] virtual Time now() const = 0;
  [[nodiscard]] virtual Uptime uptime() const = 0;
};

/// The machine's own clocks. Any thread.
class SystemClock : public Clock {
 public:
  [[nodiscard]] Time now() const override;
  [[nodiscard]] Uptime uptime() const override;
};

/// A clock that a test sets and moves.
class ManualClock : public Clock {
 public:
  explicit ManualClock(Time start = Time{std::chrono::hours{24 * 365 * 50}}) : now_(start) {}
  [[nodiscard]] Time now() const override { return now_; }
  [[nodiscard]] Uptime uptime() const override { return uptime_; }
  void advance(std::chrono::microseconds by) {
    now_ += by;
    uptime_ += by;
  }
  void set_wall(Time now) { now_ = now; }
  /// The machine was off for so long, and runs again since now.
  void reboot(std::chrono::microseconds off) {
    now_ += off;
    uptime_ = Uptime{0};
  }

 private:
  Time now_;
  Uptime uptime_{std::chrono::hours{1}};
};

/// RFC 3339 in UTC with milliseconds: "2026-03-04T08:15:42.123Z".
std::string to_rfc3339(Time time);
/// Accepts that form, an offset instead of Z, a blank instead of T, and no zone (read as UTC).
/// Anything else: nullopt.
std::optional<Time> time_from_rfc3339(std::string_view text);

inline std::int64_t to_unix_us(Time time) {
  return time.time_since_epoch().count();
}
inline Time from_unix_us(std::int64_t us) {
  return Time{std::chrono::microseconds{us}};
}

}  // namespace portoser
