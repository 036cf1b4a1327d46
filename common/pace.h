/// For what happens again and again and is to be said now and then. One thread.
#pragma once

#include <chrono>
#include <optional>

namespace portoser {

class Pace {
 public:
  using Steady = std::chrono::steady_clock;

  explicit Pace(Steady::duration spacing = std::chrono::minutes{1}) : spacing_(spacing) {}

  /// True at the first call, and again once `spacing` has passed since it was last true.
  bool is_due(Steady::time_point now = Steady::now()) {
    if (said_ && now - *said_ < spacing_) return false;
    said_ = now;
    return true;
  }

 private:
  Steady::duration spacing_;
  std::optional<Steady::time_point> said_;
};

}  // namespace portoser
