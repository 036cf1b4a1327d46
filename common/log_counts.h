/// How much the log was told, for the counters of the Prometheus page.
#pragma once

#include <cstdint>

namespace portoser::log {

struct Counts {
  std::uint64_t warnings = 0;
  std::uint64_t errors = 0;
};

/// Since the start, with those that were held back as repeats or by the level. Any thread.
Counts counts();

}  // namespace portoser::log
