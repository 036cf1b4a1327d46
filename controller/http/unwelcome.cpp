#include "controller/http/unwelcome.h"

#include <algorithm>

namespace portoser::http {

std::chrono::nanoseconds Unwelcome::hold(const std::string& address, Uptime now) {
  const std::lock_guard lock{mutex_};
  if (addresses_.size() >= most_addresses) forget(now);
  // Whoever has so many addresses is not slowed by this anyway.
  if (addresses_.size() >= most_addresses && !addresses_.contains(address)) return {};
  auto& entry = addresses_[address];
  if (now - entry.last > forgotten_after) entry.refused = 0;
  entry.last = now;
  const auto beyond = ++entry.refused - told_at_once;
  if (beyond <= 0 || held_ >= most_held) return {};
  ++held_;
  constexpr int most_doublings = 4;
  const std::chrono::seconds wait{1 << std::min(beyond - 1, most_doublings)};
  return std::min(wait, longest);
}

void Unwelcome::released() {
  const std::lock_guard lock{mutex_};
  --held_;
}

void Unwelcome::forget(Uptime now) {
  std::erase_if(addresses_,
                [now](const auto& one) { return now - one.second.last > forgotten_after; });
}

}  // namespace portoser::http
