/// A board with a clock that the test sets, and what it said.
#pragma once

#include "agent/services/board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace portoser::agent::services {

class BoardTest : public testing::Test {
 protected:
  static constexpr auto folder = "/no/such/folder/notes";

  BoardTest() { make_board("boot-1"); }

  void make_board(const std::string& boot_id) {
    BoardCallbacks callbacks;
    callbacks.on_event = [this](protocol::Event event) { events.push_back(std::move(event)); };
    callbacks.on_change = [this] { ++changes; };
    callbacks.on_missed = [this] { ++missed; };
    if (ask_in_doubt) callbacks.on_doubt = [this] { ++questions; };
    board.emplace(clock, boot_id, std::move(callbacks));
  }

  static protocol::AssignedService assigned(const std::string& name = "notes",
                                            const std::string& compose_service = {}) {
    protocol::AssignedService service;
    service.name = name;
    service.kind = "docker";
    service.files = {std::string{folder} + "/docker-compose.yml"};
    service.compose_service = compose_service;
    return service;
  }

  engine::Container container(const std::string& id,
                              const std::string& compose_service = "web",
                              const std::string& state = "running") const {
    engine::Container out;
    out.id = id;
    out.name = "notes-" + compose_service;
    out.state = state;
    out.restart_policy = "no";
    out.started_us = state == "created" ? 0 : to_unix_us(clock.now());
    out.labels = {
        {"com.docker.compose.project", "notes"},
        {"com.docker.compose.service", compose_service},
        {"com.docker.compose.project.working_dir", folder},
        {"com.docker.compose.project.config_files", std::string{folder} + "/docker-compose.yml"}};
    return out;
  }

  engine::Container ended(const std::string& id, std::int64_t exit_code) const {
    auto out = container(id, "web", "exited");
    out.exit_code = exit_code;
    out.finished_us = to_unix_us(clock.now());
    return out;
  }

  static engine::Container outside(engine::Container container) {
    container.labels.clear();
    return container;
  }

  /// One assigned service with these containers, looked at once.
  void begin(std::vector<engine::Container> containers) {
    board->since_ns();
    board->assign({assigned()});
    board->look(std::move(containers));
  }

  engine::ContainerEvent event(const std::string& action, const std::string& id) {
    clock.advance(std::chrono::milliseconds{10});
    engine::ContainerEvent out;
    out.action = action;
    out.id = id;
    out.name = "name-of-" + id;
    out.time_ns = to_unix_us(clock.now()) * 1000;
    return out;
  }
  void start(const std::string& id) { board->apply(event("start", id)); }
  void die(const std::string& id, std::int64_t exit_code) {
    auto out = event("die", id);
    out.exit_code = exit_code;
    board->apply(out);
  }
  void kill(const std::string& id, std::int64_t signal) {
    auto out = event("kill", id);
    out.signal = signal;
    board->apply(out);
  }
  void tell(const std::string& action, const std::string& id) { board->apply(event(action, id)); }
  /// As `docker stop` does it.
  void stop(const std::string& id, std::int64_t exit_code = 0) {
    kill(id, 15);
    die(id, exit_code);
    tell("stop", id);
  }
  /// As compose makes a new container.
  void create(const std::string& id, const std::string& compose_service = "web") {
    board->apply(event("create", id));
    board->refresh(container(id, compose_service, "created"));
  }

  [[nodiscard]] std::vector<std::string> types() const {
    std::vector<std::string> out;
    for (const auto& seen : events) out.push_back(seen.event_type);
    return out;
  }
  [[nodiscard]] protocol::ServiceState state() const { return board->state().services.at(0); }

  ManualClock clock;
  std::vector<protocol::Event> events;
  int changes = 0;
  bool ask_in_doubt = false;  ///< of the next board
  int questions = 0;
  int missed = 0;
  std::optional<ServiceBoard> board;
};

}  // namespace portoser::agent::services
