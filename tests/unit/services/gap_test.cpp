// What a board makes of the time in which nobody followed the engine: of events that the engine
// remembers, and of a checkpoint of an agent before.
#include "common/error.h"
#include "protocol/commands.h"
#include "tests/unit/services/board_fixture.h"

namespace portoser::agent::services {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Gap : public BoardTest {
 protected:
  /// What the engine tells later of what happens now.
  engine::ContainerEvent past(const std::string& action,
                              const std::string& id,
                              std::optional<std::int64_t> exit_code = {}) {
    auto out = event(action, id);
    out.exit_code = exit_code;
    return out;
  }
  void away() {
    board->engine_lost("the stream broke");
    clock.advance(std::chrono::seconds{1});
  }
  void command_starts(std::string_view command) {
    board->command_started("CMD", "notes", command, to_unix_us(clock.now()));
  }
  /// The agent is killed, and another begins with what was kept.
  void next_agent(const std::string& boot_id = "boot-1") {
    const auto kept = to_text(board->checkpoint());
    make_board(boot_id);
    board->restore(checkpoint_from(kept));
  }
};

TEST_F(Gap, AContainerThatDiedMeanwhileFailedOnceAtItsTime) {
  begin({container("a")});
  next_agent();
  const auto died = past("die", "a", 3);
  const auto dead = ended("a", 3);
  clock.advance(std::chrono::minutes{1});
  board->replay({died});
  board->look({dead});
  ASSERT_THAT(types(), ElementsAre("failure"));
  EXPECT_EQ(events[0].service, "notes");
  EXPECT_EQ(events[0].when.wall_us, died.time_ns / 1000);
  EXPECT_EQ(events[0].details, "exit 3");
}

TEST_F(Gap, DownAndUpMeanwhileIsAFailureAndARecovery) {
  begin({container("a")});
  next_agent();
  board->replay({past("die", "a", 1), past("start", "a")});
  auto up = container("a");
  up.started_us -= 1000;  // the event comes a moment after it
  board->look({up});
  EXPECT_THAT(types(), ElementsAre("failure", "recovery"));
}

TEST_F(Gap, SeveralRoundsAreToldEachOne) {
  begin({container("a")});
  away();
  board->replay({past("die", "a", 1),
                 past("start", "a"),
                 past("die", "a", 2),
                 past("start", "a"),
                 past("die", "a", 3)});
  board->look({ended("a", 3)});
  EXPECT_THAT(types(), ElementsAre("failure", "recovery", "failure", "recovery", "failure"));
}

TEST_F(Gap, WhatWasTakenBeforeIsNotTakenAgain) {
  begin({container("a")});
  const auto died = past("die", "a", 1);
  board->apply(died);
  next_agent();
  board->replay({died});
  board->look({ended("a", 1)});
  EXPECT_THAT(types(), ElementsAre("failure"));
}

TEST_F(Gap, WhatTheEngineForgotIsFoundByLooking) {
  begin({container("a")});
  next_agent();
  clock.advance(std::chrono::seconds{30});
  // It died and was started; of that only the start is remembered.
  const auto up = container("a");
  board->replay({past("start", "a")});
  board->look({up});
  ASSERT_THAT(types(), ElementsAre("restart"));
  EXPECT_EQ(events[0].details, "while the engine could not be watched");
}

TEST_F(Gap, AContainerThatCameMeanwhileIsToldWithItsEvents) {
  begin({});
  next_agent();
  EXPECT_TRUE(board->apply(past("create", "b")));
  board->engine_lost("killed before it was inspected");
  board->replay({past("create", "b"), past("start", "b"), past("die", "b", 1)});
  board->look({ended("b", 1)});
  EXPECT_THAT(types(), ElementsAre("start", "failure"));
}

TEST_F(Gap, AContainerThatCameAndWentIsOneOutsideTheRegistry) {
  begin({});
  away();
  board->replay({past("create", "b"), past("start", "b"), past("die", "b", 1)});
  board->look({});
  ASSERT_THAT(types(), ElementsAre("start", "failure"));
  EXPECT_EQ(events[1].scope, "container");
}

TEST_F(Gap, EventsThatWaitedForAnInspectionAreWantedAgain) {
  begin({});
  const auto created = past("create", "b");
  const auto started = past("start", "b");
  board->apply(created);
  board->apply(started);
  EXPECT_LE(board->since_ns(), created.time_ns);
  next_agent();
  board->replay({created, started});
  board->look({container("b")});
  EXPECT_THAT(types(), ElementsAre("start"));
}

TEST_F(Gap, ALookPlaysTheEventsThatWaitForAnInspection) {
  begin({});
  board->apply(past("create", "b"));
  board->apply(past("start", "b"));
  board->look({container("b")});
  EXPECT_THAT(types(), ElementsAre("start"));
  board->refresh(container("b"));
  EXPECT_THAT(types(), ElementsAre("start"));
}

TEST_F(Gap, AnEndThatALookSawBeforeItsEventIsToldOnce) {
  begin({container("a")});
  away();
  const auto dead = ended("a", 1);
  board->look({dead});
  die("a", 1);
  EXPECT_THAT(types(), ElementsAre("failure"));
}

TEST_F(Gap, TheStopSignalBeforeTheGapStillExplainsTheEnd) {
  begin({container("a")});
  kill("a", 15);
  next_agent();
  board->replay({past("die", "a", 137)});
  EXPECT_THAT(types(), ElementsAre("stop"));
}

TEST_F(Gap, AStopSignalSurvivesALookThatFindsItRunning) {
  const auto up = container("a");
  begin({up});
  kill("a", 15);
  next_agent();
  board->look({up});
  die("a", 137);
  EXPECT_THAT(types(), ElementsAre("stop"));
}

TEST_F(Gap, AStopThatNobodyConfirmedIsToldWhenTheEngineStayed) {
  ask_in_doubt = true;
  make_board("boot-1");
  begin({container("a")});
  const auto asked = [&] {
    auto out = past("kill", "a");
    out.signal = 15;
    return out;
  }();
  const auto died = past("die", "a", 0);
  board->apply(asked);
  board->apply(died);
  EXPECT_FALSE(board->can_be_kept());
  away();
  board->replay({asked, died});
  board->look({ended("a", 0)});
  EXPECT_THAT(types(), ElementsAre("stop"));
}

TEST_F(Gap, ACommandThatWentOnMeanwhileIsBehindItsEvents) {
  begin({container("a")});
  command_starts("compose.restart");
  next_agent();
  auto killed = past("kill", "a");
  killed.signal = 15;
  const auto died = past("die", "a", 137);
  const auto started = past("start", "a");
  // The next agent learns that it ended before it asks the engine.
  command_starts("compose.restart");
  board->command_ended("CMD", "notes", true, to_unix_us(clock.now()));
  board->replay({killed, died, started});
  ASSERT_THAT(types(), ElementsAre("restart"));
  EXPECT_EQ(events[0].command_id, "CMD");
}

TEST_F(Gap, ACommandThatTheCheckpointDoesNotKnowBeganWhenItsJournalSays) {
  begin({container("a")});
  next_agent();
  const auto began_us = to_unix_us(clock.now());
  auto killed = past("kill", "a");
  killed.signal = 15;
  const auto died = past("die", "a", 137);
  board->command_started("CMD", "notes", "compose.stop", began_us);
  board->replay({killed, died});
  ASSERT_THAT(types(), ElementsAre("stop"));
  EXPECT_EQ(events[0].command_id, "CMD");
}

TEST_F(Gap, WhatAPersonDoesAfterACommandThatNobodySawEndIsThePersons) {
  begin({container("a")});
  command_starts("compose.restart");
  next_agent();
  auto killed = past("kill", "a");
  killed.signal = 15;
  const auto died = past("die", "a", 0);
  const auto started = past("start", "a");
  const auto ended_us = to_unix_us(clock.now());
  clock.advance(std::chrono::minutes{1});
  auto stopped = past("kill", "a");
  stopped.signal = 15;
  const auto died_again = past("die", "a", 0);
  command_starts("compose.restart");
  board->command_ended("CMD", "notes", true, ended_us);
  board->replay({killed, died, started, stopped, died_again});
  board->look({ended("a", 0)});
  ASSERT_THAT(types(), ElementsAre("restart", "stop"));
  EXPECT_EQ(events[0].command_id, "CMD");
  EXPECT_EQ(events[1].command_id, "");
}

TEST_F(Gap, ACommandThatFailedMeanwhileIsJudgedByWhatItLeft) {
  begin({container("a")});
  command_starts("compose.restart");
  next_agent();
  auto killed = past("kill", "a");
  killed.signal = 15;
  const auto died = past("die", "a", 0);
  command_starts("compose.restart");
  board->command_ended("CMD", "notes", false, to_unix_us(clock.now()));
  EXPECT_THAT(types(), IsEmpty()) << "what it left is not known yet";
  board->replay({killed, died, past("destroy", "a")});
  board->look({});
  ASSERT_THAT(types(), ElementsAre("failure"));
  EXPECT_EQ(events[0].command_id, "CMD");
}

TEST_F(Gap, ACommandThatEndedBeforeTheAgentDidIsJudgedByTheNextOne) {
  begin({container("a")});
  command_starts("compose.restart");
  away();
  auto killed = past("kill", "a");
  killed.signal = 15;
  const auto died = past("die", "a", 0);
  board->command_ended("CMD", "notes", false, to_unix_us(clock.now()));
  // Its result is kept by now, so nobody tells the next agent of it.
  next_agent();
  EXPECT_THAT(board->open_commands(), IsEmpty());
  board->replay({killed, died, past("destroy", "a")});
  board->look({});
  ASSERT_THAT(types(), ElementsAre("failure"));
  EXPECT_EQ(events[0].command_id, "CMD");
}

TEST_F(Gap, ACommandWhoseEndNoCheckpointKnowsIsStillOpen) {
  begin({container("a")});
  command_starts("compose.restart");
  next_agent();
  ASSERT_EQ(board->open_commands().size(), 1U);
  EXPECT_EQ(board->open_commands()[0].id, "CMD");
  EXPECT_EQ(board->open_commands()[0].service, "notes");
}

TEST_F(Gap, AFailureAfterAStartThatTheEngineForgotIsTold) {
  begin({ended("a", 0)});
  next_agent();
  clock.advance(std::chrono::seconds{10});
  auto dead = container("a", "web", "exited");
  dead.exit_code = 1;
  dead.finished_us = dead.started_us + 1000;
  board->look({dead});
  ASSERT_THAT(types(), ElementsAre("failure"));
  EXPECT_EQ(events[0].container_id, "a");
}

TEST_F(Gap, AContainerThatCameFailedAndWasRemovedIsTold) {
  begin({});
  away();
  board->replay(
      {past("create", "b"), past("start", "b"), past("die", "b", 1), past("destroy", "b")});
  board->look({});
  EXPECT_THAT(types(), ElementsAre("start", "failure"));
}

TEST_F(Gap, ASignOfHealthBeforeTheLookDoesNotHideAStart) {
  begin({ended("a", 0)});
  next_agent();
  clock.advance(std::chrono::seconds{10});
  const auto up = container("a");
  board->apply(event("health_status", "a"));
  board->look({up});
  EXPECT_THAT(types(), ElementsAre("start"));
  die("a", 1);
  EXPECT_THAT(types(), ElementsAre("start", "failure"));
}

TEST_F(Gap, AStartBetweenTheBootAndTheLookIsARestart) {
  begin({container("a")});
  clock.reboot(std::chrono::seconds{20});
  next_agent("boot-2");
  clock.advance(std::chrono::seconds{1});
  auto up = container("a");
  start("a");
  board->look({up});
  EXPECT_THAT(types(), ElementsAre("restart"));
}

TEST_F(Gap, ALookNamesTheContainerThatFailed) {
  begin({container("a"), container("b", "db")});
  away();
  const auto dead = ended("a", 1);
  clock.advance(std::chrono::seconds{5});
  auto later = container("b", "db");
  board->look({dead, later});
  ASSERT_THAT(types(), ElementsAre("failure"));
  EXPECT_EQ(events[0].container_id, "a");
  EXPECT_EQ(events[0].when.wall_us, dead.finished_us);
}

TEST_F(Gap, AFailedContainerThatIsGoneIsARecoveryOfNow) {
  begin({container("a"), container("b", "db")});
  die("b", 1);
  away();
  clock.advance(std::chrono::hours{1});
  auto same = container("a");
  same.started_us = board->checkpoint().containers.at(0).seen.started_us;
  board->look({same});
  ASSERT_THAT(types(), ElementsAre("failure", "recovery"));
  EXPECT_EQ(events[1].when.wall_us, to_unix_us(clock.now()));
  EXPECT_EQ(events[1].origin, "") << "the same may happen again";
}

TEST_F(Gap, BeforeTheFirstLookOfABootNothingIsKept) {
  begin({container("a")});
  clock.reboot(std::chrono::seconds{20});
  next_agent("boot-2");
  EXPECT_FALSE(board->can_be_kept());
  board->look({container("a")});
  EXPECT_TRUE(board->can_be_kept());
}

TEST_F(Gap, AnotherBootStoppedWhatIsDown) {
  begin({container("a")});
  clock.reboot(std::chrono::seconds{20});
  next_agent("boot-2");
  auto dead = ended("a", 255);
  dead.started_us = to_unix_us(clock.now()) - 3600LL * 1'000'000;
  board->look({dead});
  ASSERT_THAT(types(), ElementsAre("stop"));
  EXPECT_EQ(events[0].details, "while the host was down");
}

TEST_F(Gap, AnotherBootRestartedWhatIsUp) {
  begin({container("a")});
  clock.reboot(std::chrono::seconds{20});
  next_agent("boot-2");
  EXPECT_EQ(board->checkpoint().taken.keys.size(), 0U);
  board->look({container("a")});
  ASSERT_THAT(types(), ElementsAre("restart"));
  EXPECT_EQ(events[0].details, "while the host was down");
}

TEST_F(Gap, WhatFailedAfterTheBootFailed) {
  begin({container("a")});
  clock.reboot(std::chrono::seconds{20});
  next_agent("boot-2");
  auto dead = container("a", "web", "exited");
  dead.exit_code = 1;
  dead.finished_us = dead.started_us + 1000;
  board->look({dead});
  EXPECT_THAT(types(), ElementsAre("failure"));
}

TEST_F(Gap, WithoutACheckpointTheFirstLookTellsNothing) {
  begin({container("a")});
  make_board("boot-1");
  board->assign({assigned()});
  EXPECT_FALSE(board->has_looked());
  EXPECT_FALSE(board->can_be_kept());
  board->look({ended("a", 1)});
  EXPECT_THAT(types(), IsEmpty());
  EXPECT_TRUE(board->can_be_kept());
}

TEST_F(Gap, TheSameEventMadeAgainHasTheSameOrigin) {
  begin({container("a"), outside(container("x"))});
  const auto kept = to_text(board->checkpoint());
  const auto died = past("die", "a", 1);
  const auto dead = ended("a", 1);
  const auto gone = outside(ended("x", 2));
  const auto happens = [&] {
    board->replay({died});
    board->look({dead, gone});
  };
  away();
  happens();
  make_board("boot-1");
  board->restore(checkpoint_from(kept));
  happens();
  ASSERT_THAT(types(), ElementsAre("failure", "failure", "failure", "failure"));
  EXPECT_FALSE(events[0].origin.empty());
  EXPECT_FALSE(events[1].origin.empty());
  EXPECT_NE(events[0].origin, events[1].origin);
  EXPECT_EQ(events[0].origin, events[2].origin);
  EXPECT_EQ(events[1].origin, events[3].origin);
}

/// The engine ended it in the middle of a command of ours, and then the power went.
TEST_F(Gap, AStopThatOnlyTheLookAfterABootFindsHasItsTimeAndOrigin) {
  begin({container("a")});
  command_starts(protocol::ComposeUp::name);
  kill("a", 15);
  die("a", 0);
  const auto dead = ended("a", 0);
  EXPECT_THAT(types(), IsEmpty()) << "the end of the command would decide";
  const auto kept = to_text(board->checkpoint());
  for (int agent = 0; agent < 2; ++agent) {
    clock.advance(std::chrono::minutes{1});
    make_board("boot-2");
    board->restore(checkpoint_from(kept));
    board->look({dead});
  }
  ASSERT_THAT(types(), ElementsAre("stop", "stop"));
  EXPECT_EQ(events[0].when.wall_us, dead.finished_us);
  EXPECT_FALSE(events[0].origin.empty());
  EXPECT_EQ(events[0].origin, events[1].origin);
}

TEST(TakenEvents, KeepsTwiceWhatAnEngineRemembersAndAsksFromThere) {
  TakenEvents taken;
  taken.begin(100);
  EXPECT_EQ(taken.since_ns(), 100);
  const auto count = static_cast<std::int64_t>(TakenEvents::limit);
  for (std::int64_t i = 0; i < count; ++i) EXPECT_TRUE(taken.take({1000 + i, "a", "start"}));
  EXPECT_EQ(taken.since_ns(), 100);
  EXPECT_FALSE(taken.take({1000, "a", "start"}));
  EXPECT_TRUE(taken.take({1000, "a", "die"}));
  EXPECT_EQ(taken.since_ns(), 1001);
  EXPECT_EQ(taken.memory().keys.size(), TakenEvents::limit);
}

TEST(Checkpoint, OneThatIsNotWholeOrFromALaterAgentIsRefused) {
  const auto text = to_text(Checkpoint{});
  EXPECT_EQ(checkpoint_from(text).version, Checkpoint::present_version);
  for (const auto& bad : {std::string{},
                          text.substr(0, text.size() / 2),
                          std::string{"[]"},
                          std::string{"{}"},
                          std::string{"{\"version\":99}"}}) {
    EXPECT_THROW(checkpoint_from(bad), Error) << bad;
  }
}

}  // namespace
}  // namespace portoser::agent::services
