/// How far a transfer is, in words for the job's log. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace portoser::agent::transfer {

/// "312 MiB", "1.0 GiB".
std::string size_text(std::int64_t bytes);

/// Of a line of `rsync --info=progress2 --no-h`: the bytes so far; none: it says something else.
std::optional<std::int64_t> progress_bytes(std::string_view line);
/// Of rsync's last line: the size of all files, copied now or there before.
std::optional<std::int64_t> total_bytes(std::string_view line);

class Progress {
 public:
  using Steady = std::chrono::steady_clock::time_point;

  /// `total`: of everything that comes; 0: unknown.
  Progress(std::int64_t total, Steady begin) : total_(total), last_(begin) {}

  /// `name`: "volume notes_data".
  void begin(std::string name, Steady now);
  /// `bytes` of what began last. A line once a second: "volume notes_data: 312 MiB of 1.0 GiB,
  /// 85 MiB/s, 8 s left".
  std::optional<std::string> at(std::int64_t bytes, Steady now);
  /// What began last is here; `bytes` of it, copied now or there before.
  void end(std::int64_t bytes);

 private:
  std::int64_t total_;
  std::int64_t done_ = 0;  ///< of what has ended
  std::string name_;
  Steady last_;
  std::int64_t last_bytes_ = 0;
  double rate_ = 0;  ///< bytes a second, smoothed
};

}  // namespace portoser::agent::transfer
