#include "tests/unit/services/board_fixture.h"

namespace portoser::agent::services {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Look : public BoardTest {
 protected:
  void away() {
    board->engine_lost("the Docker engine went away");
    clock.advance(std::chrono::seconds{30});
  }
};

TEST_F(Look, TheFirstOneMakesStatesAndNoEvents) {
  begin({ended("a", 1), outside(container("x"))});
  EXPECT_THAT(types(), IsEmpty());
  EXPECT_EQ(state().status, "stopped");
  EXPECT_TRUE(board->state().engine_available);
}

TEST_F(Look, WithoutTheEngineEverythingIsUnknownAndNothingHappened) {
  begin({container("a")});
  away();
  EXPECT_THAT(types(), IsEmpty());
  EXPECT_EQ(state().status, "unknown");
  EXPECT_EQ(state().reason, "the Docker engine went away");
  EXPECT_FALSE(board->state().engine_available);
}

TEST_F(Look, NothingChangedIsNoEvent) {
  const auto same = container("a");
  begin({same});
  away();
  board->look({same});
  EXPECT_THAT(types(), IsEmpty());
  EXPECT_EQ(state().status, "running");
}

TEST_F(Look, RanAndIsNowEndedWithACodeIsAFailureAtItsTime) {
  begin({container("a")});
  away();
  const auto dead = ended("a", 137);
  clock.advance(std::chrono::seconds{5});
  board->look({dead});
  ASSERT_THAT(types(), ElementsAre("failure"));
  EXPECT_EQ(events[0].when.wall_us, dead.finished_us);
  EXPECT_EQ(events[0].exit_code, 137);
  EXPECT_EQ(events[0].details, "exit 137 (SIGKILL), while the engine could not be watched");
}

TEST_F(Look, RanAndEndedWithTheStopSignalIsAStop) {
  begin({container("a")});
  away();
  board->look({ended("a", 143)});
  EXPECT_THAT(types(), ElementsAre("stop"));
}

TEST_F(Look, StartedAnewIsARestart) {
  begin({container("a")});
  away();
  board->look({container("a")});
  EXPECT_THAT(types(), ElementsAre("restart"));
}

TEST_F(Look, ReplacedIsARestart) {
  begin({container("a")});
  away();
  board->look({container("b")});
  EXPECT_THAT(types(), ElementsAre("restart"));
}

TEST_F(Look, UpAgainAfterAFailureIsARecovery) {
  begin({container("a")});
  die("a", 1);
  away();
  board->look({container("a")});
  EXPECT_THAT(types(), ElementsAre("failure", "recovery"));
}

TEST_F(Look, UpAfterAStopIsAStart) {
  begin({container("a")});
  stop("a");
  away();
  board->look({container("a")});
  EXPECT_THAT(types(), ElementsAre("stop", "start"));
}

TEST_F(Look, GoneIsAStop) {
  begin({container("a")});
  away();
  board->look({});
  EXPECT_THAT(types(), ElementsAre("stop"));
}

TEST_F(Look, AContainerOutsideTheRegistryIsComparedToo) {
  begin({outside(container("x"))});
  away();
  board->look({outside(ended("x", 1)), outside(container("y"))});
  ASSERT_THAT(types(), ElementsAre("failure", "start"));
  EXPECT_EQ(events[0].scope, "container");
  EXPECT_EQ(events[1].container_id, "y");
}

TEST_F(Look, AListThatIsOlderThanAnEventDoesNotUndoIt) {
  begin({container("a")});
  away();
  const auto listed = container("a");
  die("a", 1);
  board->look({listed});
  EXPECT_THAT(types(), ElementsAre("failure"));
  EXPECT_EQ(state().status, "stopped");
}

/// A board that asks whether the engine is there before it believes a stop.
class Doubt : public Look {
 protected:
  Doubt() {
    ask_in_doubt = true;
    make_board("boot-1");
  }
};

TEST_F(Doubt, AStopIsToldOnceTheEngineHasAnswered) {
  begin({container("a")});
  stop("a");
  EXPECT_THAT(types(), IsEmpty());
  EXPECT_EQ(questions, 1);
  board->engine_answered();
  EXPECT_THAT(types(), ElementsAre("stop"));
}

TEST_F(Doubt, WhatFollowsAStopStaysBehindIt) {
  begin({container("a"), outside(container("x"))});
  stop("a");
  die("x", 1);
  start("a");
  EXPECT_EQ(questions, 1);
  board->engine_answered();
  EXPECT_THAT(types(), ElementsAre("stop", "failure", "start"));
}

TEST_F(Doubt, AnEngineThatEndsItsContainersAndGoesIsNoStop) {
  begin({container("a"), outside(container("x"))});
  const auto before = changes;
  stop("a", 143);
  stop("x", 137);
  EXPECT_EQ(changes, before);
  away();
  EXPECT_THAT(types(), IsEmpty());
  EXPECT_EQ(state().status, "unknown");
  board->look({container("a"), outside(container("x"))});
  ASSERT_THAT(types(), ElementsAre("restart", "restart"));
  EXPECT_EQ(events[0].scope, "service");
  EXPECT_EQ(events[1].scope, "container");
}

TEST_F(Doubt, WhatTheEngineDoesNotStartAgainWasStoppedAndDidNotFail) {
  begin({container("a")});
  stop("a", 137);
  away();
  board->look({ended("a", 137)});
  EXPECT_THAT(types(), ElementsAre("stop"));
}

TEST_F(Doubt, AFailureIsToldAtOnce) {
  begin({container("a")});
  die("a", 1);
  EXPECT_THAT(types(), ElementsAre("failure"));
  EXPECT_EQ(questions, 0);
}

TEST_F(Doubt, OurOwnStopIsToldAtOnce) {
  begin({container("a")});
  board->command_started("CMD", "notes", "compose.stop", to_unix_us(clock.now()));
  stop("a");
  EXPECT_THAT(types(), ElementsAre("stop"));
  EXPECT_EQ(questions, 0);
}

}  // namespace
}  // namespace portoser::agent::services
