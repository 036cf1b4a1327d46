#include "agent/services/board.h"

#include "agent/services/status.h"
#include "agent/services/unit_status.h"
#include "agent/systemd/unit.h"
#include "common/error.h"
#include "common/log.h"

#include <algorithm>
#include <set>
#include <utility>

namespace portoser::agent::services {
namespace {

/// Events that wait for an inspection, all containers together.
constexpr std::size_t waiting_limit = 1000;

bool changes_life(const std::string& action) {
  static const std::set<std::string, std::less<>> actions{
      "start", "die", "stop", "kill", "oom", "pause", "unpause", "health_status", "rename"};
  return actions.contains(action);
}

/// Of the rest (exec_start, attach, top ...) nobody here wants to know.
bool is_wanted(const std::string& action) {
  return changes_life(action) || action == "create" || action == "destroy" || action == "update";
}

bool needs_inspection(const std::string& action) {
  return action == "start" || action == "die" || action == "update";
}

/// The state in which a container must have been for these to be its next events.
bool was_up_before(const std::vector<engine::ContainerEvent>& events) {
  static const std::set<std::string, std::less<>> signs{"die", "pause", "unpause", "health_status"};
  for (const auto& event : events) {
    if (event.action == "start") return false;
    if (signs.contains(event.action)) return true;
  }
  return false;
}

}  // namespace

ServiceBoard::ServiceBoard(const Clock& clock,
                           std::string boot_id,
                           BoardCallbacks callbacks,
                           BoardKind kind)
    : clock_(clock),
      boot_id_(std::move(boot_id)),
      callbacks_(std::move(callbacks)),
      kind_(kind),
      problem_(kind == BoardKind::units ? "the agent has not reached systemd yet"
                                        : "the agent has not reached the Docker engine yet") {}

void ServiceBoard::identify(Service& service) const {
  if (kind_ == BoardKind::units) {
    try {
      service.unit = systemd::unit_name(service.assigned.name, service.assigned.unit);
    } catch (const Error& error) {
      log::warn("services", "a service has no unit", {{"reason", error.what()}});
    }
  } else if (service.assigned.kind != "docker") {
    return;
  }
  service.identity = engine::identify_compose(
      service.assigned.files, service.assigned.project, service.assigned.compose_service);
}

void ServiceBoard::assign(std::vector<protocol::AssignedService> services) {
  std::map<std::string, Service> next;
  std::set<std::string> kept;
  for (auto& assigned : services) {
    const auto before = services_.find(assigned.name);
    Service service;
    if (before != services_.end()) {
      service.subject = before->second.subject;
      if (before->second.assigned == assigned) kept.insert(assigned.name);
    }
    service.assigned = std::move(assigned);
    identify(service);
    auto name = service.assigned.name;
    next.insert_or_assign(std::move(name), std::move(service));
  }
  services_ = std::move(next);
  for (auto& [id, watched] : containers_) assign_container(watched);
  for (auto& [name, service] : services_) {
    if (!looked_ || kept.contains(name)) continue;
    if (kind_ == BoardKind::units && !containers_.contains(service.unit)) {
      service.subject = Subject{};  // the look that comes says how it stands, and that is no news
    } else {
      service.subject.settle(crew_of(name));
    }
  }
  callbacks_.on_change();
}

void ServiceBoard::engine_lost(std::string reason) {
  available_ = false;
  problem_ = std::move(reason);
  // Whoever asks the engine for its past gets these again.
  for (const auto& [id, waiting] : waiting_) {
    for (const auto& event : waiting.events) taken_.give_back(key_of(event));
  }
  waiting_.clear();
  waiting_events_ = 0;
  for (const auto& key : std::exchange(missed_, {})) taken_.give_back(key);
  forget_doubtful();
  for (auto& [id, watched] : containers_) watched.live = false;
  callbacks_.on_change();
}

void ServiceBoard::engine_answered() {
  if (held_.empty()) return;
  for (auto& held : std::exchange(held_, {})) callbacks_.on_event(std::move(held.event));
  callbacks_.on_change();
}

void ServiceBoard::pass_over(const std::vector<engine::ContainerEvent>& events) {
  for (const auto& event : events) {
    if (is_wanted(event.action)) taken_.take(key_of(event));
  }
}

bool ServiceBoard::apply(const engine::ContainerEvent& event) {
  observe_clocks();
  if (!is_wanted(event.action) || !taken_.take(key_of(event))) return false;
  const auto found = containers_.find(event.id);
  if (event.action == "destroy") {
    // Nobody inspects what the past tells of, so this is the last that is heard of it.
    if (replaying_ && found == containers_.end()) vanished(event.id);
    take_waiting(event.id);
    if (found == containers_.end()) return false;
    remove(event.id, event.time_ns / 1000);
    changed();
    return false;
  }
  if (found == containers_.end()) {
    if (event.action == "update") return false;
    if (waiting_events_ >= waiting_limit) {
      miss(event);
      return false;
    }
    auto& waiting = waiting_[event.id];
    waiting.events.push_back(event);
    waiting.from_the_past |= replaying_;
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

/// A story with a gap tells what is not so: its container is left to the next look as a whole.
void ServiceBoard::miss(const engine::ContainerEvent& event) {
  auto events = take_waiting(event.id);
  events.push_back(event);
  log::warn("services",
            "container events dropped: too many wait",
            {{"container", event.name}, {"events", events.size()}});
  for (const auto& one : events) {
    if (missed_.size() >= TakenEvents::limit) missed_.pop_front();
    missed_.push_back(key_of(one));
  }
  if (callbacks_.on_missed) callbacks_.on_missed();
}

std::vector<engine::ContainerEvent> ServiceBoard::take_waiting(const std::string& id) {
  const auto waiting = waiting_.extract(id);
  if (waiting.empty()) return {};
  waiting_events_ -= std::min(waiting_events_, waiting.mapped().events.size());
  return std::move(waiting.mapped().events);
}

void ServiceBoard::refresh(engine::Container container) {
  const auto found = containers_.find(container.id);
  if (found != containers_.end()) {
    if (take_over(found->second, std::move(container))) changed();
    return;
  }
  const auto waiting = take_waiting(container.id);
  if (waiting.empty()) return;  // destroyed meanwhile
  meet(std::move(container), waiting);
  changed();
}

/// A container that is met by its events. It is as they left it: those that are to come will tell
/// the rest.
void ServiceBoard::meet(engine::Container container,
                        const std::vector<engine::ContainerEvent>& events) {
  const auto id = container.id;
  add(std::move(container));
  auto& watched = containers_.at(id);
  watched.live = true;
  watched.life.up = was_up_before(events);
  watched.life.changed_us = watched.life.up ? watched.seen.started_us : 0;
  watched.own.settle(crew_of(watched));
  for (const auto& event : events) play(watched, event);
}

void ServiceBoard::vanished(const std::string& id) {
  const auto waiting = take_waiting(id);
  if (waiting.empty()) return;
  // Nobody knows its labels any more, so it counts as one outside the registry.
  Watched watched;
  watched.live = true;
  watched.seen.id = id;
  watched.seen.restart_policy = "no";
  watched.life.up = was_up_before(waiting);
  watched.own.settle(crew_of(watched));
  for (const auto& event : waiting) {
    watched.seen.name = event.name;
    play(watched, event);
  }
}

void ServiceBoard::command_started(std::string id,
                                   const std::string& service,
                                   std::string_view command,
                                   std::int64_t began_us) {
  const auto found = services_.find(service);
  if (found == services_.end()) return;
  observe_clocks();
  found->second.subject.command_started(
      std::move(id), command, crew_of(service), wall_.steady_us(std::min(began_us, now_us())));
}

void ServiceBoard::command_ended(const std::string& id,
                                 const std::string& service,
                                 bool succeeded,
                                 std::int64_t ended_us) {
  const auto found = services_.find(service);
  if (found == services_.end()) return;
  observe_clocks();
  found->second.subject.close_window(id, wall_.steady_us(ended_us));
  // The containers may have changed since they were seen, and the engine remembers how.
  ended_.push_back({id, service, succeeded, ended_us});
  if (available_ || !looked_) judge_ended_commands();
}

std::vector<ServiceBoard::OpenCommand> ServiceBoard::open_commands() const {
  std::vector<OpenCommand> open;
  for (const auto& [name, service] : services_) {
    const auto window = service.subject.memory().window;
    if (window && window->end_us == 0) open.push_back({window->command_id, name});
  }
  return open;
}

void ServiceBoard::judge_ended_commands() {
  for (const auto& [id, service, succeeded, ended_us] : std::exchange(ended_, {})) {
    const auto found = services_.find(service);
    if (found == services_.end()) continue;
    Scene scene;
    scene.when_us = std::min(ended_us, now_us());
    scene.subject = id;
    emit(found->second.subject.command_ended(id, succeeded, crew_of(service)), service, scene);
  }
}

Checkpoint ServiceBoard::checkpoint() const {
  Checkpoint out;
  out.boot_id = boot_id_;
  for (const auto& [name, service] : services_) {
    out.services.push_back({service.assigned, service.subject.memory()});
  }
  for (const auto& [id, watched] : containers_) {
    out.containers.push_back({watched.seen, watched.life, watched.own.memory()});
  }
  out.ended = ended_;
  auto taken = taken_;
  for (const auto& [id, waiting] : waiting_) {
    for (const auto& event : waiting.events) taken.give_back(key_of(event));
  }
  for (const auto& key : missed_) taken.give_back(key);
  out.taken = taken.memory();
  observe_clocks();
  out.wall = wall_.pieces();
  return out;
}

void ServiceBoard::restore(Checkpoint checkpoint) {
  rebooted_ = checkpoint.boot_id != boot_id_;
  // An engine that began with the machine remembers nothing from before, and what it says of its
  // own first moments the look tells better.
  if (!rebooted_) {
    taken_ = TakenEvents{std::move(checkpoint.taken)};
    wall_ = WallHistory{std::move(checkpoint.wall)};
    ended_ = std::move(checkpoint.ended);
  }
  for (auto& saved : checkpoint.services) {
    if (rebooted_) saved.subject.window.reset();
    Service service;
    service.subject = Subject{std::move(saved.subject)};
    service.assigned = std::move(saved.assigned);
    identify(service);
    auto name = service.assigned.name;
    services_.insert_or_assign(std::move(name), std::move(service));
  }
  for (auto& saved : checkpoint.containers) {
    Watched watched;
    watched.own = Subject{std::move(saved.own)};
    watched.life = saved.life;
    if (rebooted_) watched.life.stop_asked_us = 0;
    watched.seen = std::move(saved.seen);
    watched.seen.pid = 0;
    assign_container(watched);
    auto id = watched.seen.id;
    containers_.insert_or_assign(std::move(id), std::move(watched));
  }
  looked_ = true;
}

std::set<std::string> ServiceBoard::units() const {
  std::set<std::string> names;
  for (const auto& [name, service] : services_) {
    if (!service.unit.empty()) names.insert(service.unit);
  }
  return names;
}

std::vector<std::string> ServiceBoard::services_of(const std::string& container_id) const {
  const auto found = containers_.find(container_id);
  return found == containers_.end() ? std::vector<std::string>{} : found->second.services;
}

std::optional<bool> ServiceBoard::has_failed(const std::string& service) const {
  const auto found = services_.find(service);
  if (found == services_.end()) return std::nullopt;
  const auto phase = found->second.subject.phase();
  if (phase == Phase::unknown) return std::nullopt;
  if (phase != Phase::failed) return false;
  bool is_guess = false;
  for (const auto& [id, watched] : containers_) {
    if (!is_member(watched, service) || !watched.life.failed) continue;
    if (!watched.life.unseen) return true;
    is_guess = true;
  }
  // One that failed and is gone failed all the same.
  if (!is_guess) return true;
  return std::nullopt;
}

protocol::State ServiceBoard::state() const {
  protocol::State state;
  state.when = moment_at(now_us());
  state.engine_available = available_;
  state.engine_problem = problem_;
  if (!available_ && engine_sign_) {
    using std::chrono::milliseconds;
    const auto silent = clock_.uptime() - *engine_sign_;
    state.engine_silent_ms = std::chrono::duration_cast<milliseconds>(silent).count();
  }
  for (const auto& [id, watched] : containers_) {
    if (kind_ == BoardKind::containers) state.containers.push_back(to_protocol(watched.seen));
  }
  for (const auto& [name, service] : services_) {
    std::vector<const engine::Container*> members;
    for (const auto& [id, watched] : containers_) {
      if (is_member(watched, name)) members.push_back(&watched.seen);
    }
    state.services.push_back(
        kind_ == BoardKind::units
            ? judge_unit(service.assigned, service.identity.file, service.unit, members, problem_)
            : judge_service(service.assigned, service.identity, members, problem_));
  }
  return state;
}

}  // namespace portoser::agent::services
