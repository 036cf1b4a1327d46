#include "controller/telemetry/uptime_history.h"

#include <algorithm>
#include <optional>

namespace portoser::telemetry {
namespace {

/// In all services together; beyond it, all are forgotten and read again.
constexpr std::size_t most_kept = 2'000'000;

std::optional<UptimeChange> change_named(const std::string& name) {
  if (name == "start") return UptimeChange::start;
  if (name == "stop") return UptimeChange::stop;
  if (name == "failure") return UptimeChange::failure;
  if (name == "recovery") return UptimeChange::recovery;
  if (name == "restart") return UptimeChange::restart;
  return std::nullopt;  // says nothing of how it stands
}

UpState state_of(storage::FoundState found) {
  switch (found) {
    case storage::FoundState::running:
    case storage::FoundState::some_running:
      return UpState::up;
    case storage::FoundState::failed:
      return UpState::down;
    case storage::FoundState::stopped:
    case storage::FoundState::not_running:
      return UpState::stopped;
  }
  return UpState::unknown;
}

bool is_sure(storage::FoundState found) {
  return found != storage::FoundState::some_running && found != storage::FoundState::not_running;
}

bool is_earlier(const UptimeEvent& left, const UptimeEvent& right) {
  return std::pair{left.at, left.id} < std::pair{right.at, right.id};
}

bool is_named(const std::vector<std::string>& names, const std::string& name) {
  return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

bool PlaceFilter::wants(const Placed& place) const {
  return is_named(services, place.service) && is_named(machines, place.machine);
}

asio::awaitable<std::vector<UptimeEvent>> UptimeHistory::events_of(Placed placed) {
  for (;;) {
    std::int64_t last_id = 0;
    {
      const std::lock_guard lock{mutex_};
      if (kept_ > most_kept) {
        known_.clear();
        kept_ = 0;
      }
      last_id = known_[placed].last_id;
    }
    const auto changes = co_await events_.changes_after(placed.service, placed.machine, last_id);
    const std::lock_guard lock{mutex_};
    auto& known = known_[placed];
    if (known.last_id < last_id) continue;  // it was forgotten meanwhile: all of it is needed
    take(known, changes);
    co_return known.events;
  }
}

void UptimeHistory::take(Known& known, const std::vector<storage::ServiceChange>& changes) {
  const auto before = known.events.size();
  const auto known_up_to = known.last_id;
  for (const auto& change : changes) {
    if (change.id <= known_up_to) continue;  // another question was quicker
    known.last_id = std::max(known.last_id, change.id);
    if (const auto found = change_named(change.event_type)) {
      known.events.push_back({change.id, change.time, *found});
    }
  }
  if (known.events.size() == before) return;
  kept_ += known.events.size() - before;
  const auto middle = known.events.begin() + static_cast<std::ptrdiff_t>(before);
  if (!std::is_sorted(middle, known.events.end(), is_earlier)) {
    std::sort(middle, known.events.end(), is_earlier);
  }
  std::inplace_merge(known.events.begin(), middle, known.events.end(), is_earlier);
}

std::map<Placed, std::vector<Watched>> UptimeHistory::by_place(
    const std::vector<storage::ServiceWatch>& watches) const {
  const auto now = clock_.now();
  const auto grace = std::chrono::milliseconds{series_.join_ms()};
  std::map<Placed, std::vector<Watched>> all;
  for (const auto& watch : watches) {
    auto& one = all[{watch.service, watch.host}].emplace_back();
    one.from = Time{std::chrono::milliseconds{watch.start_ms}};
    one.to = Time{std::chrono::milliseconds{watch.end_ms}};
    one.found = state_of(watch.found);
    one.is_sure = is_sure(watch.found);
    // The next sample is on its way.
    if (now - one.to <= grace) one.to = std::max(one.to, now);
  }
  return all;
}

asio::awaitable<UptimeLog> UptimeHistory::log(Placed placed, Time from) {
  UptimeLog log;
  log.events = co_await events_of(placed);
  // What was found after the newest event before it says how it stood, better than that event.
  const auto inside = std::partition_point(
      log.events.begin(), log.events.end(), [&](const auto& event) { return event.at < from; });
  if (inside != log.events.begin()) from = std::prev(inside)->at;
  const auto watches = co_await series_.watches(placed.machine, placed.service, from);
  log.watched = by_place(watches)[placed];
  co_return log;
}

asio::awaitable<std::vector<UptimeLog>> UptimeHistory::logs(std::vector<Placed> placed, Time from) {
  const std::string any;
  const bool one_host =
      !placed.empty() && std::all_of(placed.begin(), placed.end(), [&](const Placed& one) {
        return one.machine == placed.front().machine;
      });
  const std::string machine = one_host ? placed.front().machine : any;
  const auto watches = co_await series_.watches(machine, any, from);
  auto watched = by_place(watches);
  std::vector<UptimeLog> logs;
  for (const auto& one : placed) {
    auto& log = logs.emplace_back();
    log.watched = std::move(watched[one]);
    log.events = co_await events_of(one);
  }
  co_return logs;
}

asio::awaitable<std::vector<PlacedLog>> UptimeHistory::everywhere(
    std::shared_ptr<const registry::Registry> registry, PlaceFilter filter, Time from) {
  const std::string any;
  const auto machine = filter.machines.size() == 1 ? filter.machines.front() : any;
  const auto only = filter.services.size() == 1 ? filter.services.front() : any;
  const auto watches = co_await series_.watches(machine, only, from);
  auto watched = by_place(watches);
  std::vector<PlacedLog> all;
  for (const auto& service : registry->services()) {
    const auto add = [&](const Placed& placed, bool former) {
      if (!filter.wants(placed)) return;
      auto& place = all.emplace_back();
      place.placed = placed;
      place.former = former;
      if (const auto found = watched.find(placed); found != watched.end()) {
        place.log.watched = std::move(found->second);
      }
    };
    if (service.current_host) add({service.name, *service.current_host}, false);
    for (auto found = watched.lower_bound({service.name, any});
         found != watched.end() && found->first.service == service.name;
         ++found) {
      if (found->first.machine != service.current_host) add(found->first, true);
    }
  }
  for (auto& place : all) place.log.events = co_await events_of(place.placed);
  co_return all;
}

}  // namespace portoser::telemetry
