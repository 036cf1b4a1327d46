// Units of systemd on a board: which change of a unit is which event.
#include "agent/services/board.h"
#include "agent/services/unit_watch.h"
#include "protocol/commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

namespace portoser::agent::services {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr auto name = "portoser-sensor.service";

class UnitBoard : public testing::Test {
 protected:
  UnitBoard() {
    make_board("boot-1");
    board->assign({assigned()});
  }

  void make_board(const std::string& boot_id, std::optional<Checkpoint> checkpoint = {}) {
    BoardCallbacks callbacks;
    callbacks.on_event = [this](protocol::Event event) { events.push_back(std::move(event)); };
    callbacks.on_change = [this] { ++changes; };
    if (ask_in_doubt) callbacks.on_doubt = [this] { ++questions; };
    watch.reset();
    board.emplace(clock, boot_id, std::move(callbacks), BoardKind::units);
    if (checkpoint) board->restore(std::move(*checkpoint));
    watch.emplace(*board);
  }
  static protocol::AssignedService assigned() {
    protocol::AssignedService service;
    service.name = "sensor";
    service.kind = "native";
    return service;
  }
  /// A new start of it.
  systemd::Unit running() {
    systemd::Unit unit;
    unit.name = unit.id = name;
    unit.load_state = "loaded";
    unit.active_state = "active";
    unit.sub_state = "running";
    unit.service_type = "exec";
    unit.result = "success";
    unit.restart = "no";
    unit.main_pid = 100 + ++starts;
    unit.invocation = "i" + std::to_string(starts);
    unit.active_enter_us = tick();
    return unit;
  }
  static systemd::Unit missing() {
    systemd::Unit unit;
    unit.name = name;
    unit.load_state = "not-found";
    unit.active_state = "inactive";
    unit.sub_state = "dead";
    return unit;
  }
  systemd::Unit ended(systemd::Unit unit, std::int64_t kind, std::int64_t status) {
    unit.main_pid = 0;
    unit.exit_kind = kind;
    unit.exit_status = status;
    const bool is_clean = (kind == CLD_EXITED && status == 0) || status == SIGTERM;
    if (!is_clean) unit.result = kind == CLD_EXITED ? "exit-code" : "signal";
    unit.active_state = is_clean ? "inactive" : "failed";
    unit.sub_state = is_clean ? "dead" : "failed";
    unit.main_exit_us = unit.active_exit_us = tick();
    return unit;
  }
  std::int64_t tick() {
    clock.advance(std::chrono::milliseconds{10});
    return to_unix_us(clock.now());
  }
  /// As `systemctl stop` does it.
  void stop(systemd::Unit unit, std::int64_t kind = CLD_KILLED, std::int64_t status = SIGTERM) {
    unit.job = 7;
    watch->change(unit);
    unit.active_state = "deactivating";
    unit.sub_state = "stop-sigterm";
    watch->change(unit);
    auto down = ended(unit, kind, status);
    watch->change(down);
    down.job = 0;
    watch->change(down);
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
  int starts = 0;
  int questions = 0;
  bool ask_in_doubt = false;
  std::optional<ServiceBoard> board;
  std::optional<UnitWatch> watch;
};

TEST_F(UnitBoard, TheFirstLookIsNoNews) {
  EXPECT_EQ(state().status, "unknown");
  EXPECT_EQ(state().reason, "the agent has not reached systemd yet");
  watch->look({running()});
  EXPECT_THAT(types(), IsEmpty());
  EXPECT_EQ(state().status, "running");
  EXPECT_EQ(state().health, "unknown");
  EXPECT_THAT(state().container_ids, ElementsAre(name));
  EXPECT_THAT(board->state().containers, IsEmpty());
}

TEST_F(UnitBoard, StopsAndStartsAreTold) {
  auto unit = running();
  watch->look({unit});
  stop(unit);
  EXPECT_EQ(state().status, "stopped");
  watch->change(running());
  EXPECT_THAT(types(), ElementsAre("stop", "start"));
  EXPECT_EQ(events[0].service, "sensor");
  EXPECT_EQ(events[0].container, name);
  EXPECT_EQ(state().status, "running");
}

TEST_F(UnitBoard, AStopIsAStopHoweverTheProgramEnds) {
  auto unit = running();
  watch->look({unit});
  stop(unit, CLD_EXITED, 143);
  EXPECT_THAT(types(), ElementsAre("stop"));
  unit = running();
  watch->change(unit);
  stop(unit, CLD_KILLED, SIGKILL);  // the time that it had was over
  EXPECT_THAT(types(), ElementsAre("stop", "start", "stop"));
}

TEST_F(UnitBoard, AKilledMainProcessIsAFailureAndItsReturnARecovery) {
  auto unit = running();
  watch->look({unit});
  watch->change(ended(unit, CLD_KILLED, SIGKILL));
  ASSERT_THAT(types(), ElementsAre("failure"));
  EXPECT_EQ(events[0].exit_code, 137);
  EXPECT_EQ(events[0].details, "exit 137 (SIGKILL)");
  EXPECT_EQ(state().status, "stopped");
  EXPECT_EQ(state().reason, "portoser-sensor.service failed (exit 137 (SIGKILL))");
  EXPECT_EQ(board->has_failed("sensor"), true);
  watch->change(running());
  EXPECT_THAT(types(), ElementsAre("failure", "recovery"));
  EXPECT_EQ(board->has_failed("sensor"), false);
}

TEST_F(UnitBoard, AFailureIsToldAtOnceThoughOthersOfItStillRun) {
  auto unit = running();
  watch->look({unit});
  unit.main_pid = 0;
  unit.exit_kind = CLD_EXITED;
  unit.exit_status = 3;
  unit.result = "exit-code";
  unit.main_exit_us = tick();
  watch->change(unit);
  EXPECT_THAT(types(), ElementsAre("failure"));
  EXPECT_EQ(state().status, "running");
  EXPECT_EQ(state().health, "unhealthy");
  EXPECT_EQ(state().reason, "the main process of portoser-sensor.service ended (exit 3)");
}

TEST_F(UnitBoard, AnEndWithZeroIsAStopAndWithRestartAlwaysARestart) {
  auto unit = running();
  watch->look({unit});
  watch->change(ended(unit, CLD_EXITED, 0));
  EXPECT_THAT(types(), ElementsAre("stop"));
  unit = running();
  unit.restart = "always";
  watch->change(unit);
  auto down = ended(unit, CLD_EXITED, 0);
  down.active_state = "activating";
  down.sub_state = "auto-restart";
  watch->change(down);
  auto again = running();
  again.restart = "always";
  watch->change(again);
  EXPECT_THAT(types(), ElementsAre("stop", "start", "restart"));
}

TEST_F(UnitBoard, ADaemonWhoseCommandWentAwayIsUpAndItsEndAFailure) {
  auto unit = running();
  watch->look({unit});
  unit.main_pid = 0;
  unit.exit_kind = CLD_EXITED;
  watch->change(unit);
  EXPECT_THAT(types(), IsEmpty());
  EXPECT_EQ(state().status, "running");
  auto gone = missing();
  gone.active_exit_us = tick();
  watch->change(gone);
  ASSERT_THAT(types(), ElementsAre("failure"));
  EXPECT_EQ(events[0].details, "its last process ended, and nobody knows how");
  EXPECT_FALSE(events[0].exit_code);
}

TEST_F(UnitBoard, OutOfMemoryAndATimeoutAreNamed) {
  auto unit = running();
  watch->look({unit});
  auto down = ended(unit, CLD_KILLED, SIGKILL);
  down.result = "oom-kill";
  watch->change(down);
  unit = running();
  watch->change(unit);
  down = ended(unit, CLD_KILLED, SIGABRT);
  down.result = "watchdog";
  watch->change(down);
  ASSERT_THAT(types(), ElementsAre("failure", "recovery", "failure"));
  EXPECT_EQ(events[0].details, "out of memory (exit 137)");
  EXPECT_EQ(events[2].details, "systemd ended it: watchdog");
}

TEST_F(UnitBoard, ACycleThatNobodySawIsToldAllTheSame) {
  auto unit = running();
  unit.restart = "on-failure";
  watch->look({unit});
  auto again = running();
  again.restart = "on-failure";
  again.restarts = 1;
  watch->change(again);
  EXPECT_THAT(types(), ElementsAre("failure", "recovery"));
  EXPECT_EQ(state().status, "running");
}

TEST_F(UnitBoard, OurCommandsGiveOneEventEach) {
  auto unit = running();
  watch->look({unit});
  const auto command = [&](const char* id, std::string_view what, auto work) {
    board->command_started(id, "sensor", what, tick());
    work();
    board->command_ended(id, "sensor", true, tick());
  };
  command("c1", protocol::NativeRestart::name, [&] {
    stop(unit);
    unit = running();
    watch->change(unit);
  });
  command("c2", protocol::NativeStop::name, [&] { stop(unit, CLD_EXITED, 1); });
  command("c3", protocol::NativeStart::name, [&] {
    unit = running();
    watch->change(unit);
  });
  ASSERT_THAT(types(), ElementsAre("restart", "stop", "start"));
  EXPECT_EQ(events[0].command_id, "c1");
  EXPECT_EQ(events[1].command_id, "c2");
  EXPECT_EQ(events[2].command_id, "c3");
}

/// What the restart command of a service.yml does: systemd calls that a reload.
class RestartInside : public UnitBoard, public testing::WithParamInterface<int> {};

TEST_P(RestartInside, IsOneRestartHoweverTheOldProcessEnds) {
  auto unit = running();
  watch->look({unit});
  board->command_started("c1", "sensor", protocol::NativeRestart::name, tick());
  unit.job = 8;
  unit.active_state = "reloading";
  unit.sub_state = "reload";
  unit.state_change_us = tick();
  watch->change(unit);
  unit.main_pid = 0;
  unit.exit_kind = CLD_KILLED;
  unit.exit_status = GetParam();
  if (GetParam() != SIGTERM) unit.result = "signal";
  unit.main_exit_us = tick();
  watch->change(unit);
  unit.job = 0;
  unit.active_state = "active";
  unit.sub_state = "running";
  unit.state_change_us = tick();
  watch->change(unit);
  board->command_ended("c1", "sensor", true, tick());
  EXPECT_THAT(types(), ElementsAre("restart"));
  EXPECT_EQ(state().status, "running");
  EXPECT_EQ(state().health, "unknown");
  // The next agent sees no failure either.
  make_board("boot-1", board->checkpoint());
  watch->look({unit});
  EXPECT_THAT(types(), ElementsAre("restart"));
  EXPECT_EQ(board->has_failed("sensor"), false);
}

INSTANTIATE_TEST_SUITE_P(All, RestartInside, testing::Values(SIGTERM, SIGKILL));

TEST_F(UnitBoard, AReloadOfSomebodyElseDoesNotHideAFailure) {
  auto unit = running();
  watch->look({unit});
  unit.job = 8;
  unit.active_state = "reloading";
  unit.sub_state = "reload";
  watch->change(unit);
  watch->change(ended(unit, CLD_EXITED, 1));
  EXPECT_THAT(types(), ElementsAre("failure"));
}

TEST_F(UnitBoard, AServiceThatIsAssignedWhileItRunsIsNoStart) {
  board->assign({});
  watch->look({});
  board->assign({assigned()});
  watch->look({running()});
  EXPECT_THAT(types(), IsEmpty());
  EXPECT_EQ(state().status, "running");
  board->assign({});
  watch->look({});
  board->assign({assigned()});
  watch->look({running()});
  EXPECT_THAT(types(), IsEmpty());
}

TEST_F(UnitBoard, WhatHappenedWhileTheAgentWasDownIsToldOnce) {
  auto unit = running();
  watch->look({unit});
  ASSERT_TRUE(board->can_be_kept());
  const auto checkpoint = board->checkpoint();
  const auto down = ended(unit, CLD_KILLED, SIGSEGV);
  make_board("boot-1", checkpoint);
  watch->look({down});
  ASSERT_THAT(types(), ElementsAre("failure"));
  EXPECT_EQ(events[0].details, "exit 139 (SIGSEGV), while systemd could not be watched");
  EXPECT_FALSE(events[0].origin.empty());
  const auto origin = events[0].origin;
  // Killed before it had noted that: the next one says the same, and the controller knows it.
  make_board("boot-1", checkpoint);
  watch->look({down});
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[1].origin, origin);
  make_board("boot-1", board->checkpoint());
  watch->look({down});
  EXPECT_EQ(events.size(), 2U);
}

TEST_F(UnitBoard, AnEventAndTheLookOfTheNextAgentHaveOneOrigin) {
  auto unit = running();
  watch->look({unit});
  const auto checkpoint = board->checkpoint();
  const auto down = ended(unit, CLD_KILLED, SIGKILL);
  watch->change(down);
  make_board("boot-1", checkpoint);
  watch->look({down});
  ASSERT_THAT(types(), ElementsAre("failure", "failure"));
  EXPECT_EQ(events[0].origin, events[1].origin);
}

TEST_F(UnitBoard, AConnectionThatBreaksIsNoEvent) {
  auto unit = running();
  watch->look({unit});
  watch->lost("systemd re-executes itself");
  EXPECT_EQ(state().status, "unknown");
  EXPECT_EQ(state().reason, "systemd re-executes itself");
  watch->look({unit});
  EXPECT_EQ(state().status, "running");
  EXPECT_THAT(types(), IsEmpty());
}

TEST_F(UnitBoard, ARebootThatLeavesItUpIsARestart) {
  watch->look({running()});
  make_board("boot-2", board->checkpoint());
  watch->look({running()});
  ASSERT_THAT(types(), ElementsAre("restart"));
  EXPECT_EQ(events[0].details, "while the host was down");
}

class UnitBoardInDoubt : public UnitBoard {
 protected:
  UnitBoardInDoubt() {
    ask_in_doubt = true;
    make_board("boot-1");
    board->assign({assigned()});
  }
};

TEST_F(UnitBoardInDoubt, AStopBySomebodyElseWaitsForSystemdsWord) {
  auto unit = running();
  watch->look({unit});
  stop(unit);
  EXPECT_EQ(questions, 1);
  EXPECT_THAT(types(), IsEmpty());
  board->engine_answered();
  EXPECT_THAT(types(), ElementsAre("stop"));
}

TEST_F(UnitBoardInDoubt, AHostThatGoesDownStopsNoService) {
  auto unit = running();
  watch->look({unit});
  stop(unit);
  watch->lost("the host is shutting down");
  EXPECT_THAT(types(), IsEmpty());
  make_board("boot-2", board->checkpoint());
  watch->look({missing()});
  ASSERT_THAT(types(), ElementsAre("stop"));
  EXPECT_EQ(events[0].details, "while the host was down");
}

}  // namespace
}  // namespace portoser::agent::services
