#include "controller/fleet/presence.h"

#include <algorithm>
#include <utility>

namespace portoser::fleet {

PresenceLimits presence_limits(std::chrono::milliseconds sample_interval,
                               std::chrono::milliseconds heartbeat,
                               PresenceLimits limits) {
  limits.stale_after = 3 * sample_interval;
  limits.offline_after = std::max(limits.offline_after, 4 * sample_interval);
  limits.answers_within = std::max(2 * sample_interval, 3 * heartbeat);
  limits.asked_for = 3 * heartbeat;
  return limits;
}

void Presence::add(const std::string& device_id) {
  devices_.try_emplace(device_id);
}

void Presence::add(const std::string& device_id, Uptime now) {
  devices_[device_id].added = now;
}

void Presence::add(const std::string& device_id, const Patience& patience, Uptime now) {
  auto& entry = devices_[device_id];
  entry.patience = patience;
  entry.added = now;
}

std::optional<LivenessChange> Presence::seen(const std::string& device_id, Uptime now) {
  auto& entry = devices_[device_id];
  entry.last = now;
  entry.heard = now;
  const auto before = std::exchange(entry.liveness, Liveness::online);
  if (before == Liveness::online) {
    return std::nullopt;
  }
  return LivenessChange{device_id, before, Liveness::online};
}

std::optional<LivenessChange> Presence::left(const std::string& device_id) {
  const auto found = devices_.find(device_id);
  if (found == devices_.end() || found->second.liveness == Liveness::offline) {
    return std::nullopt;
  }
  found->second.last.reset();
  const auto before = std::exchange(found->second.liveness, Liveness::offline);
  return LivenessChange{device_id, before, Liveness::offline};
}

std::vector<LivenessChange> Presence::check(Uptime now) {
  std::vector<LivenessChange> changes;
  for (auto& [device_id, entry] : devices_) {
    const auto stale_after = entry.patience ? entry.patience->stale_after : limits_.stale_after;
    const auto offline_after =
        entry.patience ? entry.patience->offline_after : limits_.offline_after;
    const bool is_new =
        entry.added && now - *entry.added < (entry.patience ? offline_after : limits_.first_sign);
    const bool in_grace =
        now - started_ < limits_.grace || (is_new && (entry.patience || !entry.last));
    auto after = entry.liveness;
    if (!entry.last) {
      // Known, but silent since our start.
      if (!in_grace) after = Liveness::offline;
    } else if (now - *entry.last >= offline_after && !in_grace) {
      after = Liveness::offline;
    } else if (now - *entry.last >= stale_after && entry.liveness == Liveness::online) {
      after = Liveness::stale;
    }
    if (after != entry.liveness) {
      changes.push_back({device_id, std::exchange(entry.liveness, after), after});
    }
  }
  return changes;
}

void Presence::was_away(Uptime away, Uptime now) {
  started_ = now;
  for (auto& [device_id, entry] : devices_) {
    // Who was heard again already has nothing to make up for.
    if (entry.last) entry.last = std::min(*entry.last + away, now);
    if (entry.added) entry.added = std::min(*entry.added + away, now);
  }
}

void Presence::set_limits(const PresenceLimits& limits,
                          std::chrono::milliseconds before,
                          Uptime now) {
  limits_ = limits;
  for (auto& [device_id, entry] : devices_) {
    if (entry.last && !entry.patience) entry.last = std::min<Uptime>(*entry.last + before, now);
  }
}

Liveness Presence::of(const std::string& device_id) const {
  const auto found = devices_.find(device_id);
  return found == devices_.end() ? Liveness::unknown : found->second.liveness;
}

bool Presence::heard_since(const std::string& device_id, Uptime moment) const {
  const auto found = devices_.find(device_id);
  return found != devices_.end() && found->second.heard && *found->second.heard > moment;
}

bool Presence::answers(const std::string& device_id, Uptime now) const {
  const auto found = devices_.find(device_id);
  return found != devices_.end() && found->second.last &&
         now - *found->second.last < limits_.answers_within;
}

}  // namespace portoser::fleet
