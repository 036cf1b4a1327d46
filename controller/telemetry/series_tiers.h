/// How finely series are kept, and the arithmetic of their times: ms of Unix time. Pure; any
/// thread.
#pragma once

#include "common/clock.h"

#include <cstdint>

namespace portoser::telemetry {

/// A tier as the database numbers it.
struct SeriesTier {
  std::int64_t number = 0;
  std::int64_t step_ms = 0;   ///< of a bucket; 0: samples as they came
  std::int64_t block_ms = 0;  ///< span of a block
};

inline constexpr std::int64_t span_ms = 15 * 60 * 1000;
inline constexpr SeriesTier raw_tier{0, 0, span_ms};
inline constexpr SeriesTier minute_tier{1, 60'000, std::int64_t{4} * 3'600'000};
inline constexpr SeriesTier quarter_tier{2, span_ms, std::int64_t{96} * 3'600'000};

inline std::int64_t to_ms(Time time) {
  return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
}
inline std::int64_t to_ms(std::chrono::hours hours) {
  return std::chrono::milliseconds{hours}.count();
}
/// The last multiple of `step` that is not later.
constexpr std::int64_t floor_to(std::int64_t time_ms, std::int64_t step_ms) {
  const auto rest = time_ms % step_ms;
  return time_ms - (rest < 0 ? rest + step_ms : rest);
}

}  // namespace portoser::telemetry
