#include "agent/services/wall_history.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>

namespace portoser::agent::services {
namespace {

/// Less is no step: a clock that is being led back to the truth, or two readings that a busy
/// machine kept apart.
constexpr std::int64_t smallest_step_us = 500'000;

}  // namespace

void WallHistory::observe(std::int64_t wall_us, std::int64_t uptime_us) {
  const auto offset_us = wall_us - uptime_us;
  if (pieces_.empty() || std::abs(offset_us - pieces_.back().offset_us) >= smallest_step_us) {
    if (pieces_.size() >= limit) pieces_.erase(pieces_.begin());
    pieces_.push_back({offset_us, uptime_us, uptime_us});
    return;
  }
  pieces_.back().offset_us = offset_us;
  pieces_.back().last_seen_us = std::max(pieces_.back().last_seen_us, uptime_us);
}

std::optional<std::int64_t> WallHistory::find(std::int64_t wall_us) const {
  auto latest_us = pieces_.empty() ? 0 : pieces_.back().last_seen_us;
  for (auto piece = pieces_.rbegin(); piece != pieces_.rend(); ++piece) {
    const auto before = std::next(piece);
    const auto earliest_us = before == pieces_.rend() ? 0 : before->last_seen_us;
    const auto uptime_us = wall_us - piece->offset_us;
    if (uptime_us >= earliest_us && uptime_us <= latest_us) return uptime_us;
    latest_us = piece->first_seen_us;
  }
  return std::nullopt;
}

std::int64_t WallHistory::uptime_at(std::int64_t wall_us) const {
  if (pieces_.empty()) return 0;
  if (const auto uptime_us = find(wall_us)) return *uptime_us;
  // Before this boot, or a step that nobody saw: as the clock goes now.
  const auto& newest = pieces_.back();
  return std::clamp<std::int64_t>(wall_us - newest.offset_us, 0, newest.last_seen_us);
}

std::int64_t WallHistory::steady_us(std::int64_t wall_us) const {
  if (pieces_.size() < 2) return wall_us;
  const auto uptime_us = find(wall_us);
  return uptime_us ? *uptime_us + pieces_.front().offset_us : wall_us;
}

bool WallHistory::is_before(std::int64_t a_us, std::int64_t b_us) const {
  return steady_us(a_us) < steady_us(b_us);
}

std::int64_t WallHistory::set_back_us() const {
  std::int64_t most = 0;
  std::int64_t highest = pieces_.empty() ? 0 : pieces_.front().offset_us;
  for (const auto& piece : pieces_) {
    highest = std::max(highest, piece.offset_us);
    most = std::max(most, highest - piece.offset_us);
  }
  return most;
}

std::int64_t WallHistory::latest_us() const {
  std::int64_t latest = 0;
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    const auto end_us =
        i + 1 < pieces_.size() ? pieces_[i + 1].first_seen_us : pieces_[i].last_seen_us;
    latest = std::max(latest, pieces_[i].offset_us + end_us);
  }
  return latest;
}

}  // namespace portoser::agent::services
