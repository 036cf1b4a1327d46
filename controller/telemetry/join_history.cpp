#include "controller/telemetry/join_history.h"

#include <algorithm>

namespace portoser::telemetry {

void JoinHistory::change(std::int64_t since_ms, std::int64_t join_ms) {
  // A clock that was set back.
  while (changes_.size() > 1 && changes_.back().since_ms >= since_ms) changes_.pop_back();
  changes_.push_back({since_ms, join_ms});
}

std::int64_t JoinHistory::between(std::int64_t from_ms, std::int64_t to_ms) const {
  std::int64_t join_ms = 0;
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    const bool ended = i + 1 < changes_.size() && changes_[i + 1].since_ms <= from_ms;
    if (!ended && changes_[i].since_ms <= to_ms) join_ms = std::max(join_ms, changes_[i].join_ms);
  }
  return join_ms;
}

std::int64_t JoinHistory::widest() const {
  return std::max_element(
             changes_.begin(),
             changes_.end(),
             [](const Change& left, const Change& right) { return left.join_ms < right.join_ms; })
      ->join_ms;
}

}  // namespace portoser::telemetry
