#include "agent/services/unit_watch.h"

#include "agent/services/unit_status.h"

#include <algorithm>
#include <csignal>
#include <utility>

namespace portoser::agent::services {
namespace {

engine::ContainerEvent event_of(const systemd::Unit& unit,
                                const char* action,
                                std::int64_t when_us) {
  engine::ContainerEvent event;
  event.action = action;
  event.id = unit.name;
  event.name = unit.name;
  event.time_ns = when_us * 1000;
  return event;
}

}  // namespace

void UnitWatch::look(std::vector<systemd::Unit> units) {
  std::vector<engine::Container> containers;
  std::map<std::string, systemd::Unit> next;
  for (auto& unit : units) {
    if (units_.contains(unit.name)) change(unit);
    containers.push_back(as_container(unit));
    auto name = unit.name;
    next.insert_or_assign(std::move(name), std::move(unit));
  }
  board_.since_ns();
  units_ = std::move(next);
  board_.look(std::move(containers));
}

void UnitWatch::lost(std::string reason) {
  units_.clear();
  board_.engine_lost(std::move(reason));
}

void UnitWatch::change(const systemd::Unit& unit) {
  const auto found = units_.find(unit.name);
  if (found == units_.end() || found->second == unit) return;
  const auto before = std::exchange(found->second, unit);
  const bool is_another = !before.invocation.empty() && !unit.invocation.empty() &&
                          before.invocation != unit.invocation;
  const bool is_restarted = is_another || is_restarted_inside(before, unit);
  if (before.is_up() && (!unit.is_up() || is_restarted)) tell_end(before, unit);
  if (unit.is_up() && (!before.is_up() || is_restarted)) tell_start(before, unit);
  board_.refresh(as_container(unit));
}

/// The restart command of a service.yml, which systemd calls a reload.
bool UnitWatch::is_restarted_inside(const systemd::Unit& before, const systemd::Unit& unit) const {
  return before.active_state == "reloading" && unit.active_state == "active" && unit.is_up() &&
         has_command(unit.name);
}

void UnitWatch::tell_end(const systemd::Unit& before, const systemd::Unit& unit) {
  // Up again already: when and how it ended in between nobody tells any more.
  const bool is_over = unit.is_up();
  const bool is_same = before.invocation == unit.invocation;
  auto when_us = is_over && !is_same ? unit.active_enter_us : ended_us(unit);
  if (when_us <= before.active_enter_us || (is_over && is_same)) when_us = board_.now_us();
  if (is_asked(before, unit)) {
    auto kill = event_of(unit, "kill", when_us);
    kill.signal = SIGTERM;
    tell(std::move(kill));
  }
  auto die = event_of(unit, "die", when_us);
  const auto seen = as_container(unit);
  const bool is_unseen = has_ended_unseen(before) && !seen.failed.value_or(false);
  const bool is_brought_back = is_over && unit.restarts > before.restarts &&
                               seen.restart_policy != "always";  // after failures alone
  die.failed = is_brought_back || (!is_over && (is_unseen || seen.failed.value_or(false)));
  if (is_brought_back) {
    die.ending = "systemd started it again after a failure";
  } else if (is_unseen && !is_over) {
    die.ending = "its last process ended, and nobody knows how";
  } else {
    die.exit_code = is_over ? 0 : unit.exit_code();
    die.ending = seen.ending;
  }
  if (!is_over && seen.oom_killed) tell(event_of(unit, "oom", when_us));
  tell(std::move(die));
}

void UnitWatch::tell_start(const systemd::Unit& before, const systemd::Unit& unit) {
  auto when_us = unit.active_enter_us;
  // Its processes were replaced and the unit stayed up.
  if (before.active_enter_us == when_us || when_us == 0) when_us = board_.now_us();
  tell(event_of(unit, "start", when_us));
}

void UnitWatch::tell(engine::ContainerEvent event) {
  board_.apply(event);
}

/// A job says that somebody wants it; a reload is meant to leave it up, unless it is the way in
/// which we restart.
bool UnitWatch::is_asked(const systemd::Unit& before, const systemd::Unit& unit) const {
  if (before.job == 0 && unit.job == 0) return false;
  const bool is_reload = before.active_state == "reloading" || before.sub_state == "reload";
  return !is_reload || has_command(unit.name);
}

bool UnitWatch::has_command(const std::string& unit) const {
  const auto services = board_.services_of(unit);
  const auto open = board_.open_commands();
  return std::any_of(open.begin(), open.end(), [&](const auto& command) {
    return std::find(services.begin(), services.end(), command.service) != services.end();
  });
}

}  // namespace portoser::agent::services
