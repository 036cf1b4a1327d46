#include "protocol/commands.h"
#include "tests/unit/services/board_fixture.h"

namespace portoser::agent::services {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class CommandWindow : public BoardTest {
 protected:
  void command_begins(std::string_view command) {
    clock.advance(std::chrono::milliseconds{1});
    board->command_started("CMD", "notes", command, to_unix_us(clock.now()));
  }
  void command_ends(bool succeeded = true) {
    clock.advance(std::chrono::milliseconds{1});
    board->command_ended("CMD", "notes", succeeded, to_unix_us(clock.now()));
  }
  /// As `docker-compose up -d --force-recreate` does it.
  void recreate(const std::string& from, const std::string& to) {
    stop(from);
    create(to);
    tell("destroy", from);
    start(to);
  }
};

TEST_F(CommandWindow, OurStopIsOneStopWithTheCommandsId) {
  begin({container("a"), container("b", "db")});
  command_begins(protocol::ComposeStop::name);
  stop("a", 137);
  stop("b");
  command_ends();
  ASSERT_THAT(types(), ElementsAre("stop"));
  EXPECT_EQ(events[0].command_id, "CMD");
}

TEST_F(CommandWindow, OurStopOfAFailedServiceIsAStop) {
  begin({container("a")});
  die("a", 1);
  command_begins(protocol::ComposeStop::name);
  command_ends();
  EXPECT_THAT(types(), ElementsAre("failure", "stop"));
}

TEST_F(CommandWindow, AStopOfWhatIsStoppedIsNoEvent) {
  begin({ended("a", 0)});
  command_begins(protocol::ComposeStop::name);
  command_ends();
  EXPECT_THAT(types(), IsEmpty());
}

TEST_F(CommandWindow, OurRestartIsExactlyOneRestart) {
  begin({container("a"), container("b", "db")});
  command_begins(protocol::ComposeRestart::name);
  recreate("a", "c");
  stop("b");
  create("d", "db");
  tell("destroy", "b");
  start("d");
  command_ends();
  ASSERT_THAT(types(), ElementsAre("restart"));
  EXPECT_EQ(events[0].command_id, "CMD");
  EXPECT_EQ(state().status, "running");
}

TEST_F(CommandWindow, ARestartOfAStoppedServiceIsAStart) {
  begin({ended("a", 0)});
  command_begins(protocol::ComposeRestart::name);
  create("c");
  tell("destroy", "a");
  start("c");
  command_ends();
  ASSERT_THAT(types(), ElementsAre("start"));
  EXPECT_EQ(events[0].command_id, "CMD");
}

TEST_F(CommandWindow, OurUpIsAStart) {
  begin({});
  command_begins(protocol::ComposeUp::name);
  create("a");
  start("a");
  create("b", "db");
  start("b");
  command_ends();
  EXPECT_THAT(types(), ElementsAre("start"));
}

TEST_F(CommandWindow, AnUpThatHadToRecreateIsARestart) {
  begin({container("a")});
  command_begins(protocol::ComposeUp::name);
  recreate("a", "c");
  command_ends();
  EXPECT_THAT(types(), ElementsAre("restart"));
}

TEST_F(CommandWindow, AnUpThatChangedNothingIsNoEvent) {
  begin({container("a")});
  command_begins(protocol::ComposeUp::name);
  command_ends();
  EXPECT_THAT(types(), IsEmpty());
}

TEST_F(CommandWindow, ACrashBehindOurRestartIsAFailureOfIt) {
  begin({container("a")});
  command_begins(protocol::ComposeRestart::name);
  recreate("a", "c");
  die("c", 1);
  command_ends(false);
  ASSERT_THAT(types(), ElementsAre("restart", "failure"));
  EXPECT_EQ(events[1].command_id, "CMD");
}

TEST_F(CommandWindow, ARestartThatLeavesNothingRunningIsAFailure) {
  begin({container("a")});
  command_begins(protocol::ComposeRestart::name);
  stop("a");
  tell("destroy", "a");
  command_ends(false);
  EXPECT_THAT(types(), ElementsAre("failure"));
}

TEST_F(CommandWindow, ARefusedRestartIsNoEvent) {
  begin({container("a")});
  command_begins(protocol::ComposeRestart::name);
  command_ends(false);
  EXPECT_THAT(types(), IsEmpty());
}

TEST_F(CommandWindow, AnEventThatArrivesAfterTheEndStillBelongsToTheCommand) {
  begin({container("a")});
  command_begins(protocol::ComposeRestart::name);
  stop("a");
  create("c");
  const auto late = event("start", "c");
  command_ends();
  board->apply(late);
  ASSERT_THAT(types(), ElementsAre("restart"));
  EXPECT_EQ(events[0].command_id, "CMD");
}

TEST_F(CommandWindow, WhatHappensAfterTheEndIsNotOurs) {
  begin({container("a")});
  command_begins(protocol::ComposeStop::name);
  stop("a");
  command_ends();
  start("a");
  stop("a");
  ASSERT_THAT(types(), ElementsAre("stop", "start", "stop"));
  EXPECT_EQ(events[2].command_id, "");
}

TEST_F(CommandWindow, ARestartThatAnEarlierAgentBeganIsOneRestart) {
  board->assign({assigned()});
  command_begins(protocol::ComposeRestart::name);
  board->look({ended("a", 0)});
  create("c");
  start("c");
  command_ends();
  EXPECT_THAT(types(), ElementsAre("restart"));
}

}  // namespace
}  // namespace portoser::agent::services
