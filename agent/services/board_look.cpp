// The part of ServiceBoard that finds out what happened while nobody followed the engine's events:
// from what the engine remembers of them, and from how things stand.
#include "agent/services/board.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace portoser::agent::services {
namespace {

constexpr std::string_view engine_away = "while the engine could not be watched";
constexpr std::string_view systemd_away = "while systemd could not be watched";
constexpr std::string_view with_the_host = "while the host was down";

void settle_life(Life& life, const engine::Container& container) {
  life = Life{};
  life.up = is_up(container.state);
  life.changed_us = std::max(container.started_us, container.finished_us);
  if (life.up) return;
  const auto ending = judge_past_ending(container);
  life.failed = ending == Ending::failed;
  life.recycled = ending == Ending::recycled;
}

}  // namespace

/// An event tells of a start a moment after it, so the start that is known is never the later one.
bool ServiceBoard::is_started_anew(const engine::Container& container, const Life& before) const {
  return wall_.is_before(before.changed_us, container.started_us);
}

/// How a judge's containers stood before a look.
struct ServiceBoard::Before {
  std::string service;             ///< empty: the container of `up` alone
  std::map<std::string, Life> up;  ///< by id
};

std::int64_t ServiceBoard::since_ns() {
  observe_clocks();
  taken_.begin(now_us() * 1000);
  // The engine stops at the first of its events, from the newest back, that has an earlier date.
  return std::max<std::int64_t>(taken_.since_ns() - wall_.set_back_us() * 1000, 1);
}

std::int64_t ServiceBoard::until_ns() const {
  observe_clocks();
  return std::max(wall_.latest_us(), now_us()) * 1000;
}

void ServiceBoard::replay(const std::vector<engine::ContainerEvent>& events) {
  replaying_ = true;
  for (const auto& event : events) apply(event);
  replaying_ = false;
}

void ServiceBoard::look(std::vector<engine::Container> containers) {
  observe_clocks();
  // A compose file may have come or gone since it was assigned.
  for (auto& [name, service] : services_) identify(service);
  auto before = remember();
  std::map<std::string, Life> ran;  ///< down before and now, and up in between
  std::set<std::string> present;
  for (auto& container : containers) {
    present.insert(container.id);
    const auto found = containers_.find(container.id);
    if (found == containers_.end()) {
      see_first(std::move(container));
    } else if (found->second.live) {
      // Events have told more than this list, which may be older than they are.
      take_over(found->second, std::move(container));
    } else {
      const auto life = found->second.life;
      if (see_again(found->second, std::move(container))) ran.emplace(found->first, life);
    }
  }
  std::erase_if(containers_, [&](const auto& entry) {
    return !entry.second.live && !present.contains(entry.first);
  });
  tell_of_the_vanished(present);
  for (auto& [id, watched] : containers_) assign_container(watched);
  add_to(before, ran);
  const bool first = !looked_;
  looked_ = true;
  missed_.clear();  // what they made of it is seen
  available_ = true;
  problem_.clear();
  if (first) {
    for (auto& [name, service] : services_) service.subject.settle(crew_of(name));
    for (auto& [id, watched] : containers_) watched.own.settle(crew_of(watched));
  } else {
    judge_ended_commands();
    compare(before);
  }
  rebooted_ = false;
  callbacks_.on_change();
}

void ServiceBoard::see_first(engine::Container container) {
  const auto id = container.id;
  const auto waiting = take_waiting(id);
  if (waiting.empty()) {
    add(std::move(container));
    auto& watched = containers_.at(id);
    settle_life(watched.life, watched.seen);
    watched.life.unseen = watched.life.failed && !has_surely_failed(watched.seen);
    return;
  }
  auto listed = container;
  meet(std::move(container), waiting);
  auto& watched = containers_.at(id);
  take_over(watched, std::move(listed));
  // The engine remembers only so much: the list has the last word.
  if (watched.life.up != is_up(watched.seen.state)) settle_life(watched.life, watched.seen);
}

/// True: it ran and ended since, and no event told it.
bool ServiceBoard::see_again(Watched& watched, engine::Container container) {
  const auto before = watched.life;
  watched.seen = std::move(container);
  const auto& seen = watched.seen;
  // A signal that is on its way to a container that still runs is not forgotten.
  if (before.up && is_up(seen.state) && !is_started_anew(seen, before)) return false;
  auto& life = watched.life;
  settle_life(life, seen);
  if (life.up) return false;
  if (!before.up) {
    const bool ran_meanwhile = is_started_anew(seen, before);
    // Down all the time: what was known of its end stays.
    if (!ran_meanwhile) life.failed = before.failed;
    return ran_meanwhile && life.failed;
  }
  // It was being stopped when the engine went away, or it went down with the machine.
  const auto ended_us = wall_.steady_us(seen.finished_us);
  const bool was_asked =
      judge_ending(steadied(before), seen, seen.exit_code, ended_us) == Ending::stopped;
  const auto boot_us = now_us() - clock_.uptime().count() / 1000;
  const bool ended_with_the_host = rebooted_ && seen.started_us < boot_us;
  if (was_asked || ended_with_the_host) life.failed = life.recycled = false;
  return false;
}

void ServiceBoard::add_to(std::vector<Before>& before, const std::map<std::string, Life>& ran) {
  for (const auto& [id, life] : ran) {
    const auto found = containers_.find(id);
    if (found == containers_.end()) continue;
    for (auto& old : before) {
      if (!old.service.empty() && is_member(found->second, old.service)) old.up.emplace(id, life);
    }
    if (!found->second.services.empty()) continue;
    Before alone;
    alone.up.emplace(id, life);
    before.push_back(std::move(alone));
  }
}

/// Containers of which only the engine's memory tells, and which are gone.
void ServiceBoard::tell_of_the_vanished(const std::set<std::string>& present) {
  std::vector<std::string> gone;
  for (const auto& [id, waiting] : waiting_) {
    if (waiting.from_the_past && !present.contains(id)) gone.push_back(id);
  }
  for (const auto& id : gone) vanished(id);
}

std::vector<ServiceBoard::Before> ServiceBoard::remember() const {
  std::vector<Before> out;
  for (const auto& [name, service] : services_) {
    Before before;
    before.service = name;
    for (const auto& [id, watched] : containers_) {
      if (is_member(watched, name) && watched.life.up) before.up.emplace(id, watched.life);
    }
    out.push_back(std::move(before));
  }
  for (const auto& [id, watched] : containers_) {
    if (!watched.services.empty() || !watched.life.up) continue;
    Before before;
    before.up.emplace(id, watched.life);
    out.push_back(std::move(before));
  }
  return out;
}

/// When it was that nobody looked.
std::string_view ServiceBoard::absence() const {
  if (rebooted_) return with_the_host;
  return kind_ == BoardKind::units ? systemd_away : engine_away;
}

Difference ServiceBoard::difference_since(const Before& old, Scene& scene) const {
  const auto meanwhile = absence();
  Difference difference;
  difference.details = meanwhile;
  for (const auto& [id, before] : old.up) {
    const auto found = containers_.find(id);
    if (found == containers_.end()) {
      difference.interrupted = true;
      scene.subject = id;
      continue;
    }
    const auto& seen = found->second.seen;
    if (difference.failed) continue;  // that one is what there is to tell
    if (found->second.life.up) {
      // One that simply goes on has no part in what is told.
      if (!is_started_anew(seen, before)) continue;
      difference.interrupted = true;
      if (seen.started_us < scene.when_us) continue;
      scene.container = &seen;
      scene.when_us = seen.started_us;
      continue;
    }
    difference.interrupted = true;
    difference.failed = found->second.life.failed;
    if (!difference.failed && seen.finished_us < scene.when_us) continue;
    scene.container = &seen;
    scene.when_us = seen.finished_us;
    if (!difference.failed) continue;
    difference.details = fmt::format("{}, {}", ending_text(seen), meanwhile);
    scene.exit_code = seen.exit_code;
  }
  return difference;
}

void ServiceBoard::compare(const std::vector<Before>& before) {
  std::set<std::string> compared;
  for (const auto& old : before) {
    Scene scene;
    auto difference = difference_since(old, scene);
    if (const auto service = services_.find(old.service); service != services_.end()) {
      if (scene.container == nullptr) show_newest_member(old, scene);
      if (scene.when_us == 0) scene.when_us = now_us();
      emit(service->second.subject.looked(
               crew_of(old.service), wall_.steady_us(scene.when_us), std::move(difference)),
           old.service,
           scene);
      if (service->second.subject.phase() == Phase::stopped) forgive_failures(old.service);
      continue;
    }
    const auto found = containers_.find(old.up.begin()->first);
    if (found == containers_.end()) continue;
    compared.insert(found->first);
    if (scene.container == nullptr) scene.container = &found->second.seen;
    if (scene.when_us == 0) scene.when_us = now_us();
    emit(found->second.own.looked(
             crew_of(found->second), wall_.steady_us(scene.when_us), std::move(difference)),
         {},
         scene);
  }
  for (auto& [id, watched] : containers_) {
    if (!watched.services.empty() || compared.contains(id)) continue;
    Scene scene;
    scene.container = &watched.seen;
    scene.when_us = watched.seen.started_us > 0 ? watched.seen.started_us : now_us();
    if (watched.own.phase() == Phase::unknown) watched.own.settle(Crew{});
    Difference difference;
    difference.details = absence();
    emit(
        watched.own.looked(crew_of(watched), wall_.steady_us(scene.when_us), std::move(difference)),
        {},
        scene);
  }
}

/// None of those that ran before changed: what is up now and was not tells what happened, or, with
/// none up, what ended last (in the middle of a command, say, of which a reboot left nothing).
void ServiceBoard::show_newest_member(const Before& old, Scene& scene) const {
  const bool is_up = crew_of(old.service).up > 0;
  for (const auto& [id, watched] : containers_) {
    if (watched.life.up != is_up || !is_member(watched, old.service) || old.up.contains(id)) {
      continue;
    }
    const auto when_us = is_up ? watched.seen.started_us : watched.seen.finished_us;
    if (when_us == 0 || when_us < scene.when_us) continue;
    scene.container = &watched.seen;
    scene.when_us = when_us;
  }
}

}  // namespace portoser::agent::services
