#include "controller/fleet/complaints.h"

#include <algorithm>
#include <utility>

namespace portoser::fleet {

std::optional<Complaint> Complaints::add(Trouble trouble, std::string latest, Uptime now) {
  auto& kind = kinds_[static_cast<std::size_t>(trouble)];
  ++kind.count;
  kind.latest = std::move(latest);
  if (kind.told_at && now - *kind.told_at < period) {
    return std::nullopt;
  }
  kind.told_at = now;
  return Complaint{trouble, std::exchange(kind.count, 0), std::exchange(kind.latest, {})};
}

std::vector<Complaint> Complaints::due(Uptime now) {
  std::vector<Complaint> all;
  for (std::size_t i = 0; i < kinds; ++i) {
    auto& kind = kinds_[i];
    if (kind.count == 0 || now - *kind.told_at < period) continue;
    kind.told_at = now;
    all.push_back(
        {static_cast<Trouble>(i), std::exchange(kind.count, 0), std::exchange(kind.latest, {})});
  }
  return all;
}

std::optional<Uptime> Complaints::wait(Uptime now) const {
  std::optional<Uptime> least;
  for (const auto& kind : kinds_) {
    if (kind.count == 0) continue;
    const auto left = std::max(*kind.told_at + period - now, Uptime{0});
    least = std::min(least.value_or(left), left);
  }
  return least;
}

}  // namespace portoser::fleet
