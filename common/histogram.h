/// Counts how long things took, in buckets, as Prometheus shows them. Any thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

namespace portoser {

struct HistogramReading {
  std::vector<double> bounds;         ///< upper bounds of the buckets in seconds, ascending
  std::vector<std::uint64_t> counts;  ///< for each bucket alone; one more, for what is above all
  double sum_seconds = 0;
};

class Histogram {
 public:
  explicit Histogram(std::vector<double> bounds) {
    reading_.counts.resize(bounds.size() + 1);
    reading_.bounds = std::move(bounds);
  }

  void add(std::chrono::nanoseconds duration) {
    const auto seconds = std::chrono::duration<double>(duration).count();
    const std::lock_guard lock{mutex_};
    const auto& bounds = reading_.bounds;
    const auto bucket = std::lower_bound(bounds.begin(), bounds.end(), seconds) - bounds.begin();
    ++reading_.counts[static_cast<std::size_t>(bucket)];
    reading_.sum_seconds += seconds;
  }

  [[nodiscard]] HistogramReading read() const {
    const std::lock_guard lock{mutex_};
    return reading_;
  }

 private:
  mutable std::mutex mutex_;
  HistogramReading reading_;
};

}  // namespace portoser
