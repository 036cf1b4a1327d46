#include "agent/services/board.h"

#include "agent/services/status.h"
#include "common/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace portoser::agent::services {
namespace {

/// Events that wait for an inspection, all containers together.
constexpr std::size_t waiting_limit = 1000;

constexpr std::string_view while_away = "while the engine could not be watched";

bool changes_life(const std::string& action) {
  static const std::set<std::string, std::less<>> actions{
      "start", "die", "stop", "kill", "oom", "pause", "unpause", "health_status", "rename"};
  return actions.contains(action);
}

bool needs_inspection(const std::string& action) {
  return action == "start" || action == "die" || action == "update";
}

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

/// How a judge's containers stood before a look.
struct ServiceBoard::Before {
  std::string service;                     ///< empty: the container of `ids` alone
  std::map<std::string, std::int64_t> up;  ///< id -> when it was started
};

ServiceBoard::ServiceBoard(const Clock& clock, std::string boot_id, BoardCallbacks callbacks)
    : clock_(clock), boot_id_(std::move(boot_id)), callbacks_(std::move(callbacks)) {}

void ServiceBoard::assign(std::vector<protocol::AssignedService> services) {
  std::map<std::string, Service> next;
  std::set<std::string> kept;
  for (auto& assigned : services) {
    const auto before = services_.find(assigned.name);
    Service service;
    if (assigned.kind == "docker") {
      service.identity =
          engine::identify_compose(assigned.files, assigned.project, assigned.compose_service);
    }
    if (before != services_.end()) {
      service.subject = before->second.subject;
      if (before->second.assigned == assigned) kept.insert(assigned.name);
    }
    service.assigned = std::move(assigned);
    auto name = service.assigned.name;
    next.insert_or_assign(std::move(name), std::move(service));
  }
  services_ = std::move(next);
  for (auto& [id, watched] : containers_) assign_container(watched);
  for (auto& [name, service] : services_) {
    if (looked_ && !kept.contains(name)) service.subject.settle(crew_of(name));
  }
  callbacks_.on_change();
}

void ServiceBoard::look(std::vector<engine::Container> containers) {
  // A compose file may have come or gone since it was assigned.
  for (auto& [name, service] : services_) {
    if (service.assigned.kind != "docker") continue;
    service.identity = engine::identify_compose(
        service.assigned.files, service.assigned.project, service.assigned.compose_service);
  }
  const auto before = remember();
  std::set<std::string> present;
  for (auto& container : containers) {
    present.insert(container.id);
    const auto found = containers_.find(container.id);
    if (found == containers_.end()) {
      const auto id = container.id;
      add(std::move(container));
      settle_life(containers_.at(id).life, containers_.at(id).seen);
    } else if (found->second.live) {
      // Events have told more than this list, which may be older than they are.
      take_over(found->second, std::move(container));
    } else {
      const auto before_life = found->second.life;
      found->second.seen = std::move(container);
      auto& life = found->second.life;
      settle_life(life, found->second.seen);
      // Down before and down now: what was known of its end stays.
      if (!before_life.up && !life.up) life.failed = before_life.failed;
      // It was being stopped when the engine went away.
      const auto& seen = found->second.seen;
      if (before_life.up &&
          judge_ending(before_life, seen, seen.exit_code, seen.finished_us) == Ending::stopped) {
        life.failed = false;
      }
    }
  }
  std::erase_if(containers_, [&](const auto& entry) {
    return !entry.second.live && !present.contains(entry.first);
  });
  for (auto& [id, watched] : containers_) assign_container(watched);
  const bool first = !looked_;
  looked_ = true;
  available_ = true;
  problem_.clear();
  if (first) {
    for (auto& [name, service] : services_) service.subject.settle(crew_of(name));
    for (auto& [id, watched] : containers_) watched.own.settle(crew_of(watched));
  } else {
    compare(before);
  }
  callbacks_.on_change();
}

void ServiceBoard::engine_lost(std::string reason) {
  available_ = false;
  problem_ = std::move(reason);
  waiting_.clear();
  waiting_events_ = 0;
  forget_doubtful();
  for (auto& [id, watched] : containers_) watched.live = false;
  callbacks_.on_change();
}

void ServiceBoard::engine_answered() {
  if (held_.empty()) return;
  for (auto& held : std::exchange(held_, {})) callbacks_.on_event(std::move(held.event));
  callbacks_.on_change();
}

bool ServiceBoard::apply(const engine::ContainerEvent& event) {
  const auto found = containers_.find(event.id);
  if (event.action == "destroy") {
    waiting_.erase(event.id);
    if (found == containers_.end()) return false;
    remove(event.id, event.time_ns / 1000);
    changed();
    return false;
  }
  if (found == containers_.end()) {
    if (event.action != "create" && !changes_life(event.action)) return false;
    if (waiting_events_ >= waiting_limit) {
      log::warn("services", "container event dropped", {{"reason", "too many wait"}});
      return true;
    }
    waiting_[event.id].push_back(event);
    ++waiting_events_;
    return true;
  }
  if (changes_life(event.action)) {
    play(found->second, event);
    // A signal by itself leaves the container as it was.
    if (event.action != "kill" && event.action != "oom") changed();
  }
  return needs_inspection(event.action);
}

void ServiceBoard::refresh(engine::Container container) {
  const auto id = container.id;
  const auto found = containers_.find(id);
  if (found != containers_.end()) {
    if (take_over(found->second, std::move(container))) changed();
    return;
  }
  const auto waiting = waiting_.extract(id);
  if (waiting.empty()) return;  // destroyed meanwhile
  waiting_events_ -= std::min(waiting_events_, waiting.mapped().size());
  add(std::move(container));
  auto& watched = containers_.at(id);
  // It is as its events left it: those that are to come will tell the rest.
  watched.live = true;
  watched.own.settle(crew_of(watched));
  for (const auto& event : waiting.mapped()) play(watched, event);
  changed();
}

void ServiceBoard::vanished(const std::string& id) {
  const auto waiting = waiting_.extract(id);
  if (waiting.empty()) return;
  waiting_events_ -= std::min(waiting_events_, waiting.mapped().size());
  // Nobody knows its labels any more, so it counts as one outside the registry.
  Watched watched;
  watched.live = true;
  watched.seen.id = id;
  watched.seen.restart_policy = "no";
  watched.own.settle(crew_of(watched));
  for (const auto& event : waiting.mapped()) {
    watched.seen.name = event.name;
    play(watched, event);
  }
}

void ServiceBoard::command_started(std::string id,
                                   const std::string& service,
                                   std::string_view command) {
  const auto found = services_.find(service);
  if (found == services_.end()) return;
  found->second.subject.command_started(std::move(id), command, crew_of(service), now_us());
}

void ServiceBoard::command_ended(const std::string& id,
                                 const std::string& service,
                                 bool succeeded) {
  const auto found = services_.find(service);
  if (found == services_.end()) return;
  Scene scene;
  scene.when_us = now_us();
  emit(found->second.subject.command_ended(id, succeeded, crew_of(service), now_us()),
       service,
       scene);
}

protocol::State ServiceBoard::state() const {
  protocol::State state;
  state.when = moment_at(now_us());
  state.engine_available = available_;
  state.engine_problem = problem_;
  for (const auto& [id, watched] : containers_) {
    state.containers.push_back(to_protocol(watched.seen));
  }
  for (const auto& [name, service] : services_) {
    std::vector<const engine::Container*> members;
    for (const auto& [id, watched] : containers_) {
      if (is_member(watched, name)) members.push_back(&watched.seen);
    }
    state.services.push_back(judge_service(service.assigned, service.identity, members, problem_));
  }
  return state;
}

std::vector<ServiceBoard::Before> ServiceBoard::remember() const {
  std::vector<Before> out;
  for (const auto& [name, service] : services_) {
    Before before;
    before.service = name;
    for (const auto& [id, watched] : containers_) {
      if (is_member(watched, name) && watched.life.up) {
        before.up.emplace(id, watched.seen.started_us);
      }
    }
    out.push_back(std::move(before));
  }
  for (const auto& [id, watched] : containers_) {
    if (!watched.services.empty() || !watched.life.up) continue;
    Before before;
    before.up.emplace(id, watched.seen.started_us);
    out.push_back(std::move(before));
  }
  return out;
}

void ServiceBoard::compare(const std::vector<Before>& before) {
  std::set<std::string> compared;
  const auto difference_of = [&](const Before& old, Scene& scene) {
    Difference difference;
    difference.details = while_away;
    for (const auto& [id, started_us] : old.up) {
      const auto found = containers_.find(id);
      if (found == containers_.end()) {
        difference.interrupted = true;
        continue;
      }
      const auto& [seen, life, own, services, live] = found->second;
      scene.container = &seen;
      if (life.up) {
        difference.interrupted |= seen.started_us != started_us;
        scene.when_us = std::max(scene.when_us, seen.started_us);
        continue;
      }
      difference.interrupted = true;
      scene.when_us = std::max(scene.when_us, seen.finished_us);
      if (!life.failed || difference.failed) continue;
      difference.failed = true;
      difference.details =
          fmt::format("{}, {}", ending_text(seen.exit_code, seen.oom_killed), while_away);
      scene.exit_code = seen.exit_code;
    }
    return difference;
  };
  for (const auto& old : before) {
    Scene scene;
    auto difference = difference_of(old, scene);
    if (scene.when_us == 0) scene.when_us = now_us();
    if (const auto service = services_.find(old.service); service != services_.end()) {
      emit(service->second.subject.looked(crew_of(old.service), now_us(), std::move(difference)),
           old.service,
           scene);
      if (service->second.subject.phase() == Phase::stopped) forgive_failures(old.service);
      continue;
    }
    const auto& id = old.up.begin()->first;
    const auto found = containers_.find(id);
    if (found == containers_.end()) continue;
    compared.insert(id);
    emit(found->second.own.looked(crew_of(found->second), now_us(), std::move(difference)),
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
    difference.details = while_away;
    emit(watched.own.looked(crew_of(watched), now_us(), std::move(difference)), {}, scene);
  }
}

}  // namespace portoser::agent::services
