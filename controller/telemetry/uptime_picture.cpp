#include "controller/telemetry/uptime_picture.h"

#include <algorithm>
#include <array>
#include <utility>

namespace portoser::telemetry {
namespace {

/// Longer than anything: how the picture begins and ends.
constexpr std::chrono::microseconds for_ever{std::int64_t{1} << 61U};

/// Two places at which the colour changes. Without both the picture is wrong for `costs` more.
struct EdgePair {
  std::chrono::microseconds costs{};
  std::size_t order = 0;  ///< one within another comes before it
  std::array<std::size_t, 2> places{};
};

/// Pairs of edges as they would go one after the other, the shortest stretch first: a stretch that
/// is no longer than its neighbours becomes one with them. With an odd number one edge stays alone.
std::vector<EdgePair> pairs_of(const std::vector<const UptimeEvent*>& edges) {
  struct Stretch {
    std::chrono::microseconds better{};  ///< for how long its colour is the better one
    std::size_t begin = 0;               ///< its first edge
  };
  std::vector<EdgePair> pairs;
  std::vector<Stretch> open{{for_ever, 0}};
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const bool is_last = i + 1 == edges.size();
    open.push_back({is_last ? for_ever : edges[i + 1]->at - edges[i]->at, i});
    while (open.size() >= 3) {
      auto& before = open[open.size() - 3];
      const auto& middle = open[open.size() - 2];
      const auto& after = open.back();
      if (middle.better > before.better || middle.better > after.better) break;
      pairs.push_back({middle.better, pairs.size(), {middle.begin, after.begin}});
      before.better += after.better - middle.better;
      open.resize(open.size() - 2);
    }
  }
  return pairs;
}

/// The edges without those that matter least.
std::vector<const UptimeEvent*> without_short(const std::vector<const UptimeEvent*>& edges,
                                              std::size_t most) {
  if (edges.size() <= most) return edges;
  auto pairs = pairs_of(edges);
  const auto goes = std::min((edges.size() - most + 1) / 2, pairs.size());
  const auto last = pairs.begin() + static_cast<std::ptrdiff_t>(goes);
  std::nth_element(pairs.begin(), last, pairs.end(), [](const auto& left, const auto& right) {
    return std::pair{left.costs, left.order} < std::pair{right.costs, right.order};
  });
  auto left = edges;
  for (auto pair = pairs.begin(); pair != last; ++pair) {
    for (const auto place : pair->places) left[place] = nullptr;
  }
  std::erase(left, nullptr);
  return left;
}

}  // namespace

bool is_painted_up(UptimeChange change) {
  return change != UptimeChange::stop && change != UptimeChange::failure;
}

std::vector<std::int64_t> telling_events(
    const std::vector<UptimeEvent>& events, Time from, Time to, bool began_up, std::size_t most) {
  std::vector<const UptimeEvent*> changing;
  std::vector<std::int64_t> others;
  bool is_up = began_up;
  for (const auto& event : events) {
    if (event.at < from || event.at >= to) continue;
    if (is_painted_up(event.change) == is_up) {
      others.push_back(event.id);
      continue;
    }
    is_up = !is_up;
    changing.push_back(&event);
  }
  std::vector<std::int64_t> ids;
  for (const auto* event : without_short(changing, most)) ids.push_back(event->id);
  for (auto id = others.rbegin(); id != others.rend() && ids.size() < most; ++id) {
    ids.push_back(*id);
  }
  return ids;
}

}  // namespace portoser::telemetry
