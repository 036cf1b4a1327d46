#include "agent/services/unit_status.h"

#include "agent/services/life.h"

#include <fmt/format.h>

#include <algorithm>

namespace portoser::agent::services {
namespace {

constexpr auto load_label = "load";
constexpr auto active_label = "active";
constexpr auto sub_label = "sub";
constexpr auto file_label = "file";

/// Restart= of systemd in the words of an engine: "always" brings back what ended well, too.
std::string policy_of(const systemd::Unit& unit) {
  if (unit.restart.empty() || unit.restart == "no") return "no";
  return unit.restart == "always" || unit.restart == "on-success" ? "always" : "on-failure";
}

std::string state_of_unit(const systemd::Unit& unit) {
  if (unit.is_up()) return "running";
  if (unit.sub_state == "auto-restart" || unit.sub_state == "auto-restart-queued") {
    return "restarting";
  }
  if (unit.active_state == "failed" || unit.has_lost_main()) return "exited";
  const bool never_ran = unit.active_exit_us == 0 && unit.main_exit_us == 0;
  return never_ran || unit.active_state == "activating" ? "created" : "exited";
}

/// systemd's reason, where the exit code does not say it.
std::string ending_of(const systemd::Unit& unit) {
  const auto& result = unit.result;
  if (result.empty() || result == "success" || result == "exit-code" || result == "signal" ||
      result == "oom-kill" || result == "core-dump") {
    return {};
  }
  return fmt::format("systemd ended it: {}", result);
}

}  // namespace

engine::Container as_container(const systemd::Unit& unit) {
  engine::Container out;
  out.id = unit.name;
  out.name = unit.name;
  out.state = state_of_unit(unit);
  out.restart_policy = policy_of(unit);
  out.started_us = unit.active_enter_us;
  out.pid = unit.main_pid;
  out.labels = {{load_label, unit.load_state},
                {active_label, unit.active_state},
                {sub_label, unit.sub_state},
                {file_label, unit.file_state}};
  if (unit.is_up()) return out;
  out.finished_us = ended_us(unit);
  out.exit_code = unit.exit_code();
  out.oom_killed = unit.result == "oom-kill";
  out.failed = unit.active_state == "failed" || out.state == "restarting" || unit.has_lost_main();
  if (out.state == "restarting") out.failed = !unit.result.empty() && unit.result != "success";
  out.ending = ending_of(unit);
  return out;
}

std::int64_t ended_us(const systemd::Unit& unit) {
  return std::max(unit.active_exit_us, unit.main_exit_us);
}

bool has_ended_unseen(const systemd::Unit& before) {
  return before.sub_state == "running" && before.main_pid == 0 && !before.service_type.empty() &&
         !before.remains;
}

protocol::ServiceState judge_unit(const protocol::AssignedService& assigned,
                                  const std::string& file,
                                  const std::string& unit,
                                  const std::vector<const engine::Container*>& members,
                                  const std::string& unwatched) {
  protocol::ServiceState state;
  state.name = assigned.name;
  state.status = "unknown";
  state.health = "unknown";
  state.file = file;
  if (unit.empty()) {
    state.reason = "its name makes no name of a unit";
    return state;
  }
  state.container_ids.push_back(unit);
  if (!unwatched.empty()) {
    state.reason = unwatched;
    return state;
  }
  if (members.empty()) {
    state.reason = "systemd has not told about it yet";
    return state;
  }
  const auto& seen = *members.front();
  const auto active = seen.label(active_label);
  if (is_up(seen.state)) {
    state.status = "running";
    if (active != "active") state.reason = fmt::format("{} is {}", unit, active);
    return state;
  }
  state.status = "stopped";
  const auto load = seen.label(load_label);
  if (active == "active" || active == "reloading") {
    // Others of it go on without the one that counts.
    state.status = "running";
    state.health = "unhealthy";
    state.reason = fmt::format("the main process of {} ended ({})", unit, ending_text(seen));
  } else if (load == "not-found" && !assigned.unit.empty()) {
    state.reason = fmt::format("this host has no unit {}", unit);
  } else if (load == "masked") {
    state.reason = fmt::format("{} is masked", unit);
  } else if (load != "loaded" && load != "not-found" && !load.empty()) {
    state.reason = fmt::format("systemd cannot read {}: {}", unit, load);
  } else if (seen.state == "restarting") {
    state.reason = fmt::format("{} ends again and again ({})", unit, ending_text(seen));
  } else if (active == "activating") {
    state.reason = fmt::format("{} is starting", unit);
  } else if (active == "failed") {
    state.reason = fmt::format("{} failed ({})", unit, ending_text(seen));
  }
  return state;
}

}  // namespace portoser::agent::services
