// The part of ServiceBoard that follows a single container.
#include "agent/services/board.h"
#include "agent/services/status.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace portoser::agent::services {

template <class Visit>
void ServiceBoard::for_each_subject(Watched& watched, Visit visit) {
  if (watched.services.empty()) {
    visit(watched.own, crew_of(watched), std::string{});
    return;
  }
  for (const auto& name : watched.services) {
    visit(services_.at(name).subject, crew_of(name), name);
  }
}

void ServiceBoard::play(Watched& watched, const engine::ContainerEvent& event) {
  const auto when_us = event.time_ns / 1000;
  auto& seen = watched.seen;
  // The engine remembers only the newest events, so after them a look is still to be believed.
  const bool tells_all = !replaying_;
  if (event.action == "start") {
    if (watched.life.up && !available_ && looked_) {
      // Its end is missing before this; the look tells both.
      watched.life.stop_asked_us = 0;
      watched.life.killed = false;
      return;
    }
    watched.live |= tells_all;
    started(watched, event);
  } else if (event.action == "die") {
    watched.live |= tells_all;
    ended(watched, event, when_us);
  } else if (event.action == "stop") {
    stopped(watched, when_us);
  } else if (event.action == "kill") {
    note_kill(watched.life, event.signal.value_or(0), seen.stop_signal, when_us);
  } else if (event.action == "oom") {
    watched.life.out_of_memory_us = when_us;
  } else if (event.action == "pause") {
    seen.state = "paused";
  } else if (event.action == "unpause") {
    seen.state = "running";
  } else if (event.action == "health_status") {
    seen.health = event.health;
  } else if (event.action == "rename") {
    seen.name = event.name;
  }
}

void ServiceBoard::started(Watched& watched, const engine::ContainerEvent& event) {
  const auto when_us = event.time_ns / 1000;
  const bool was_recycled = watched.life.recycled;
  watched.life = Life{};
  watched.life.up = true;
  watched.life.changed_us = when_us;
  watched.seen.state = "running";
  watched.seen.exit_code = 0;
  watched.seen.oom_killed = false;
  watched.seen.failed.reset();
  watched.seen.ending.clear();
  watched.seen.started_us = when_us;
  if (!watched.seen.health.empty()) watched.seen.health = "starting";
  Scene scene;
  scene.container = &watched.seen;
  scene.when_us = when_us;
  scene.cause = &event;
  for_each_subject(watched, [&](Subject& subject, Crew crew, const std::string& service) {
    emit(subject.started(crew, wall_.steady_us(when_us), was_recycled), service, scene);
  });
}

void ServiceBoard::ended(Watched& watched,
                         const engine::ContainerEvent& event,
                         std::int64_t when_us) {
  // A look was faster than the event, and told it.
  if (!watched.life.up) return;
  const auto exit_code = event.exit_code.value_or(0);
  auto& life = watched.life;
  const auto steady_us = wall_.steady_us(when_us);
  const auto signs = steadied(life);
  watched.seen.failed = event.failed;
  watched.seen.ending = event.ending;
  const auto ending = judge_ending(signs, watched.seen, exit_code, steady_us);
  const bool out_of_memory = explains_end(signs.out_of_memory_us, exit_code, steady_us);
  bool ours = false;
  for_each_subject(watched, [&](const Subject& subject, Crew, const std::string&) {
    ours |= life.killed && subject.is_ours(steady_us);
  });
  life.up = false;
  life.failed = ending == Ending::failed && !ours;
  life.unseen = false;
  life.recycled = ending == Ending::recycled && !ours;
  life.changed_us = when_us;
  watched.seen.state = "exited";
  watched.seen.exit_code = exit_code;
  watched.seen.oom_killed = out_of_memory;
  watched.seen.finished_us = when_us;
  watched.seen.pid = 0;
  Scene scene;
  scene.container = &watched.seen;
  scene.when_us = when_us;
  scene.exit_code = event.exit_code;
  scene.cause = &event;
  for_each_subject(watched, [&](Subject& subject, Crew crew, const std::string& service) {
    auto verdict = subject.ended(crew, steady_us, ending, life.killed, ending_text(watched.seen));
    emit(std::move(verdict), service, scene);
    if (subject.phase() == Phase::stopped) forgive_failures(service);
  });
}

/// With the signs of an end dated as if nobody had set the clock since.
Life ServiceBoard::steadied(Life life) const {
  for (auto* sign_us : {&life.stop_asked_us, &life.out_of_memory_us}) {
    if (*sign_us > 0) *sign_us = wall_.steady_us(*sign_us);
  }
  return life;
}

/// The engine says so after `die`, where it is no news, and alone for a container that it kept
/// restarting.
void ServiceBoard::stopped(Watched& watched, std::int64_t when_us) {
  auto& life = watched.life;
  if (life.up) return;
  const bool was_failing = std::exchange(life.failed, false);
  const bool was_recycled = std::exchange(life.recycled, false);
  if (!was_failing && !was_recycled) return;
  watched.seen.state = "exited";
  Scene scene;
  scene.container = &watched.seen;
  scene.when_us = when_us;
  for_each_subject(watched, [&](Subject& subject, Crew crew, const std::string& service) {
    emit(subject.ended(crew, wall_.steady_us(when_us), Ending::stopped, true, {}), service, scene);
    if (subject.phase() == Phase::stopped) forgive_failures(service);
  });
}

void ServiceBoard::remove(const std::string& id, std::int64_t when_us) {
  auto node = containers_.extract(id);
  auto& watched = node.mapped();
  const bool was_up = watched.life.up;
  watched.life.up = false;
  watched.life.failed = false;
  if (watched.services.empty() && !was_up) return;
  Scene scene;
  scene.container = &watched.seen;
  scene.when_us = when_us;
  for_each_subject(watched, [&](Subject& subject, Crew crew, const std::string& service) {
    auto verdict =
        was_up ? subject.ended(crew, wall_.steady_us(when_us), Ending::stopped, true, "removed")
               : subject.removed(crew, wall_.steady_us(when_us));
    emit(std::move(verdict), service, scene);
  });
}

void ServiceBoard::add(engine::Container container) {
  Watched watched;
  watched.seen = std::move(container);
  assign_container(watched);
  auto id = watched.seen.id;
  containers_.insert_or_assign(std::move(id), std::move(watched));
}

/// An inspection of a container that is known. It may be older than the newest event, or newer than
/// the next one: the events alone say what happened, the inspection only how things look.
bool ServiceBoard::take_over(Watched& watched, engine::Container container) {
  const bool says_up = is_up(container.state);
  const auto newest_us = says_up ? container.started_us : container.finished_us;
  if (says_up != watched.life.up && wall_.is_before(newest_us, watched.life.changed_us)) {
    container.state = watched.seen.state;
    container.health = watched.seen.health;
    container.exit_code = watched.seen.exit_code;
    container.oom_killed = watched.seen.oom_killed;
    container.started_us = watched.seen.started_us;
    container.finished_us = watched.seen.finished_us;
    container.pid = watched.seen.pid;
    container.failed = watched.seen.failed;
    container.ending = watched.seen.ending;
  }
  const auto before = to_protocol(watched.seen);
  const bool says_the_same = watched.seen.labels == container.labels;
  watched.seen = std::move(container);
  return !says_the_same || before != to_protocol(watched.seen);
}

bool ServiceBoard::is_of(const engine::Container& container, const Service& service) const {
  if (kind_ == BoardKind::units) return container.id == service.unit;
  return service.assigned.kind == "docker" && engine::belongs_to(container, service.identity);
}

void ServiceBoard::assign_container(Watched& watched) {
  const bool had_service = !watched.services.empty();
  watched.services.clear();
  for (const auto& [name, service] : services_) {
    if (is_of(watched.seen, service)) watched.services.push_back(name);
  }
  if (had_service && watched.services.empty()) watched.own.settle(crew_of(watched));
}

/// Who stops a service has seen what failed in it.
void ServiceBoard::forgive_failures(const std::string& service) {
  if (service.empty()) return;
  for (auto& [id, watched] : containers_) {
    if (is_member(watched, service)) watched.life.failed = false;
  }
}

bool ServiceBoard::is_member(const Watched& watched, const std::string& service) const {
  return std::find(watched.services.begin(), watched.services.end(), service) !=
         watched.services.end();
}

Crew ServiceBoard::crew_of(const Watched& watched) {
  Crew crew;
  crew.up = watched.life.up ? 1 : 0;
  crew.failed = watched.life.failed ? 1 : 0;
  return crew;
}

Crew ServiceBoard::crew_of(const std::string& service) const {
  Crew crew;
  for (const auto& [id, watched] : containers_) {
    if (!is_member(watched, service)) continue;
    crew.up += watched.life.up ? 1 : 0;
    crew.failed += watched.life.failed ? 1 : 0;
  }
  return crew;
}

/// The same for an event that an agent makes again, because the one before died before it had kept
/// how far it was: what happened, to what, and when by the engine's clock.
std::string ServiceBoard::origin_of(const protocol::Event& event, const Scene& scene) {
  const auto& subject = scene.subject.empty() ? event.container_id : scene.subject;
  if (subject.empty()) return {};
  const auto when_us = scene.container != nullptr ? scene.when_us : 0;
  return fmt::format("{}:{}:{}:{}", event.event_type, event.service, subject, when_us);
}

void ServiceBoard::emit(std::optional<Verdict> verdict,
                        const std::string& service,
                        const Scene& scene) {
  if (!verdict || !looked_) return;
  protocol::Event event;
  event.when = moment_at(scene.when_us);
  event.scope = service.empty() ? "container" : "service";
  event.event_type = verdict->event_type;
  event.service = service;
  if (scene.container != nullptr) {
    event.container = scene.container->name;
    event.container_id = scene.container->id;
  }
  event.details = std::move(verdict->details);
  event.exit_code = scene.exit_code;
  event.command_id = std::move(verdict->command_id);
  event.origin = origin_of(event, scene);
  const bool doubtful = event.event_type == "stop" && event.command_id.empty() && available_ &&
                        scene.cause != nullptr && callbacks_.on_doubt != nullptr;
  if (!doubtful && held_.empty()) {
    callbacks_.on_event(std::move(event));
    return;
  }
  // What comes behind a held one waits too: the order is part of the story.
  const bool first = held_.empty();
  Held held;
  held.event = std::move(event);
  held.is_doubtful = doubtful;
  if (doubtful && scene.cause != nullptr) held.cause = key_of(*scene.cause);
  held_.push_back(std::move(held));
  if (first) callbacks_.on_doubt();
}

/// The engine went away behind them: its containers did not stop, it did. They count as up until
/// the next look, which says what became of them.
void ServiceBoard::forget_doubtful() {
  for (auto& [event, is_doubtful, cause] : std::exchange(held_, {})) {
    if (!is_doubtful) {
      callbacks_.on_event(std::move(event));
      continue;
    }
    // If only the stream broke, the engine tells it again.
    taken_.give_back(cause);
    const auto found = containers_.find(event.container_id);
    if (found == containers_.end()) continue;
    found->second.life.up = true;
    for_each_subject(found->second,
                     [](Subject& subject, Crew crew, const std::string&) { subject.settle(crew); });
  }
}

void ServiceBoard::changed() {
  if (held_.empty()) callbacks_.on_change();
}

void ServiceBoard::observe_clocks() const {
  wall_.observe(now_us(), clock_.uptime().count() / 1000);
}

/// The engine's wall clock is this machine's, so how that one was set tells when that was.
protocol::Moment ServiceBoard::moment_at(std::int64_t when_us) const {
  observe_clocks();
  const auto now = now_us();
  const auto uptime_us = clock_.uptime().count() / 1000;
  const auto at_us = wall_.uptime_at(when_us);
  protocol::Moment moment;
  moment.boot_id = boot_id_;
  moment.uptime_ns = at_us * 1000;
  // By the clock as it is set now, unless it was before this boot: then that is as near as can be
  // told.
  moment.wall_us = at_us > 0 ? now - (uptime_us - at_us) : std::min(when_us, now);
  return moment;
}

}  // namespace portoser::agent::services
