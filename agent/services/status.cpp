#include "agent/services/status.h"

#include "agent/services/life.h"

#include <fmt/format.h>

namespace portoser::agent::services {
namespace {

struct Count {
  int up = 0;
  int down = 0;
  int paused = 0;
  int healthy = 0;
  int starting = 0;
  int unhealthy = 0;
  std::string first_down;       ///< "notes-db is exited (exit 1)"
  std::string first_unhealthy;  ///< name
};

/// Ended with 0 and nobody brings it back: done, not down.
bool is_done(const engine::Container& container) {
  return container.state == "exited" && container.exit_code == 0 &&
         (container.restart_policy == "no" || container.restart_policy == "on-failure");
}

std::string describe_down(const engine::Container& container) {
  if (container.state == "created") return container.name + " was created and never started";
  const auto ending =
      ending_text(container.exit_code, container.oom_killed && container.exit_code != 0);
  if (container.state == "restarting") {
    return fmt::format("{} ends again and again ({})", container.name, ending);
  }
  return fmt::format("{} is {} ({})", container.name, container.state, ending);
}

Count count(const std::vector<const engine::Container*>& containers) {
  Count out;
  for (const auto* container : containers) {
    if (!is_up(container->state)) {
      if (is_done(*container)) continue;
      ++out.down;
      if (out.first_down.empty()) out.first_down = describe_down(*container);
      continue;
    }
    ++out.up;
    if (container->state == "paused") ++out.paused;
    if (container->health == "healthy") ++out.healthy;
    if (container->health == "starting") ++out.starting;
    if (container->health == "unhealthy") {
      ++out.unhealthy;
      if (out.first_unhealthy.empty()) out.first_unhealthy = container->name;
    }
  }
  return out;
}

std::string join(const std::vector<std::string>& names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

void judge_running(const Count& crew, protocol::ServiceState& state) {
  state.status = "running";
  if (crew.down > 0) {
    state.health = "unhealthy";
    state.reason = fmt::format(
        "{} of {} containers are up: {}", crew.up, crew.up + crew.down, crew.first_down);
  } else if (crew.paused > 0) {
    state.health = "unhealthy";
    state.reason = fmt::format("{} of {} containers are paused", crew.paused, crew.up);
  } else if (crew.unhealthy > 0) {
    state.health = "unhealthy";
    state.reason = fmt::format("the health check of {} fails", crew.first_unhealthy);
  } else if (crew.starting > 0) {
    state.health = "starting";
  } else if (crew.healthy > 0) {
    state.health = "healthy";
  }
}

}  // namespace

protocol::ServiceState judge_service(const protocol::AssignedService& assigned,
                                     const engine::ComposeIdentity& identity,
                                     const std::vector<const engine::Container*>& containers,
                                     const std::string& unwatched) {
  protocol::ServiceState state;
  state.name = assigned.name;
  state.status = "unknown";
  state.health = "unknown";
  state.file = identity.file;
  if (assigned.kind != "docker") {
    state.reason = fmt::format("this agent watches no {} services", assigned.kind);
    return state;
  }
  for (const auto* container : containers) state.container_ids.push_back(container->id);
  if (!unwatched.empty()) {
    state.reason = unwatched;
    return state;
  }
  const auto crew = count(containers);
  if (crew.up > 0) {
    judge_running(crew, state);
    return state;
  }
  state.status = "stopped";
  if (containers.empty() && identity.file.empty()) {
    state.reason = assigned.files.empty()
                       ? "no compose file is named for it"
                       : fmt::format("there is no compose file: {}", join(assigned.files));
  } else if (containers.empty()) {
    state.reason = "it has no containers";
  } else {
    state.reason = crew.first_down;
  }
  return state;
}

protocol::Container to_protocol(const engine::Container& container) {
  protocol::Container out;
  out.id = container.id;
  out.name = container.name;
  out.image = container.image;
  out.state = container.state;
  out.health = container.health;
  out.exit_code = container.exit_code;
  out.oom_killed = container.oom_killed;
  out.restart_policy = container.restart_policy;
  out.started_us = container.started_us;
  out.finished_us = container.finished_us;
  out.project = container.label("com.docker.compose.project");
  out.compose_service = container.label("com.docker.compose.service");
  out.working_dir = container.label("com.docker.compose.project.working_dir");
  out.config_files = container.label("com.docker.compose.project.config_files");
  const auto one_off = container.label("com.docker.compose.oneoff");
  out.one_off = one_off == "True" || one_off == "true";
  return out;
}

}  // namespace portoser::agent::services
