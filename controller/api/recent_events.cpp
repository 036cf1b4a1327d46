#include "controller/api/recent_events.h"

#include <algorithm>
#include <set>
#include <utility>

namespace portoser::api {
namespace {

std::size_t bytes_of(const ShownEvent& shown) {
  return shown.event.details.size() + shown.event.metadata.size() +
         (shown.frame ? shown.frame->size() : 0);
}

}  // namespace

void RecentEvents::push(ShownEvent shown) {
  bytes_ += bytes_of(shown);
  shown_.push_back(std::move(shown));
  while (shown_.size() > most || (bytes_ > most_bytes && shown_.size() > 1)) {
    bytes_ -= bytes_of(shown_.front());
    shown_.pop_front();
  }
}

std::vector<ShownEvent> RecentEvents::merged(std::vector<ShownEvent> stored,
                                             std::int64_t since,
                                             const Passes& passes,
                                             std::size_t limit) const {
  std::set<std::int64_t> ids;
  for (const auto& one : stored) ids.insert(one.event.id);
  for (const auto& one : shown_) {
    if (one.event.id <= since || !passes(one.event)) continue;
    if (ids.insert(one.event.id).second) stored.push_back(one);
  }
  std::sort(stored.begin(), stored.end(), [](const auto& left, const auto& right) {
    return left.event.id < right.event.id;
  });
  if (stored.size() > limit) {
    stored.erase(stored.begin(), stored.end() - static_cast<std::ptrdiff_t>(limit));
  }
  return stored;
}

}  // namespace portoser::api
