#include "agent/services/taken_events.h"

#include <algorithm>
#include <utility>

namespace portoser::agent::services {

EventKey key_of(const engine::ContainerEvent& event) {
  return {event.time_ns, event.id, event.action};
}

void TakenEvents::begin(std::int64_t time_ns) {
  if (memory_.since_ns == 0) memory_.since_ns = time_ns;
}

bool TakenEvents::take(EventKey key) {
  auto& keys = memory_.keys;
  // From the back: the newest is the likeliest to come again.
  if (std::find(keys.rbegin(), keys.rend(), key) != keys.rend()) return false;
  if (keys.size() >= limit) {
    memory_.since_ns = std::max(memory_.since_ns, keys.front().time_ns + 1);
    keys.erase(keys.begin());
  }
  keys.push_back(std::move(key));
  return true;
}

void TakenEvents::give_back(const EventKey& key) {
  std::erase(memory_.keys, key);
}

}  // namespace portoser::agent::services
