/// How long to wait before the next attempt: twice as long after each failure, up to a limit, and
/// not all at the same moment. One thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>

namespace portoser::telemetry {

class BackOff {
 public:
  using Duration = std::chrono::milliseconds;

  BackOff(Duration least, Duration most, std::uint32_t seed = std::random_device{}())
      : least_(least), most_(most), next_(least), random_(seed) {}

  /// After a failure. `at_least`: what the other side asks for, up to five minutes.
  Duration next(Duration at_least = Duration{0}) {
    constexpr Duration most_asked{std::chrono::minutes{5}};
    const auto base = next_;
    next_ = std::min(2 * next_, most_);
    std::uniform_int_distribution<Duration::rep> part{base.count() / 2, base.count()};
    return std::max(Duration{part(random_)}, std::min(at_least, most_asked));
  }
  void reset() { next_ = least_; }

 private:
  Duration least_;
  Duration most_;
  Duration next_;
  std::minstd_rand random_;
};

}  // namespace portoser::telemetry
