/// How long a host may be silent and a service on it still counts as watched: three times as long
/// as it measured apart, which was not the same at all times. Plain value; any thread.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace portoser::telemetry {

class JoinHistory {
 public:
  explicit JoinHistory(std::int64_t join_ms) : changes_{{first, join_ms}} {}

  /// From then on; the changes come in the order of their times.
  void change(std::int64_t since_ms, std::int64_t join_ms);
  /// For a silence between these moments: the widest that was in force then.
  [[nodiscard]] std::int64_t between(std::int64_t from_ms, std::int64_t to_ms) const;
  [[nodiscard]] std::int64_t newest() const { return changes_.back().join_ms; }
  [[nodiscard]] std::int64_t widest() const;

 private:
  static constexpr auto first = std::numeric_limits<std::int64_t>::min();
  struct Change {
    std::int64_t since_ms;
    std::int64_t join_ms;
  };
  std::vector<Change> changes_;  ///< by time; never empty
};

}  // namespace portoser::telemetry
