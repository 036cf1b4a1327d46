#include "tests/unit/services/board_fixture.h"

namespace portoser::agent::services {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(BoardTest, AStopByTheEngineIsOneStop) {
  begin({container("a")});
  stop("a");
  ASSERT_THAT(types(), ElementsAre("stop"));
  EXPECT_EQ(events[0].scope, "service");
  EXPECT_EQ(events[0].service, "notes");
  EXPECT_EQ(events[0].container, "notes-web");
  EXPECT_EQ(events[0].command_id, "");
  EXPECT_EQ(state().status, "stopped");
}

TEST_F(BoardTest, AStopWhoseGracePeriodPassedIsStillAStop) {
  begin({container("a")});
  kill("a", 15);
  clock.advance(std::chrono::seconds{10});
  kill("a", 9);
  die("a", 137);
  EXPECT_THAT(types(), ElementsAre("stop"));
}

TEST_F(BoardTest, TheImagesOwnStopSignalCounts) {
  auto nginx = container("a");
  nginx.stop_signal = 3;
  begin({nginx});
  kill("a", 3);
  die("a", 131);
  EXPECT_THAT(types(), ElementsAre("stop"));
}

TEST_F(BoardTest, AnExitCodeIsAFailure) {
  begin({container("a")});
  die("a", 1);
  ASSERT_THAT(types(), ElementsAre("failure"));
  EXPECT_EQ(events[0].details, "exit 1");
  EXPECT_EQ(events[0].exit_code, 1);
}

TEST_F(BoardTest, ASigkillFromElsewhereIsAFailure) {
  begin({container("a")});
  die("a", 137);
  ASSERT_THAT(types(), ElementsAre("failure"));
  EXPECT_EQ(events[0].details, "exit 137 (SIGKILL)");
}

TEST_F(BoardTest, DockerKillIsAFailure) {
  begin({container("a")});
  kill("a", 9);
  die("a", 137);
  EXPECT_THAT(types(), ElementsAre("failure"));
}

TEST_F(BoardTest, OutOfMemoryIsNamed) {
  begin({container("a")});
  tell("oom", "a");
  die("a", 137);
  ASSERT_THAT(types(), ElementsAre("failure"));
  EXPECT_EQ(events[0].details, "out of memory (exit 137)");
}

TEST_F(BoardTest, AStopSignalThatWasSurvivedExplainsNoLaterEnd) {
  begin({container("a")});
  kill("a", 15);
  clock.advance(std::chrono::hours{3});
  die("a", 1);
  EXPECT_THAT(types(), ElementsAre("failure"));
}

TEST_F(BoardTest, ExitZeroWithoutRestartPolicyIsAStop) {
  begin({container("a")});
  die("a", 0);
  EXPECT_THAT(types(), ElementsAre("stop"));
}

TEST_F(BoardTest, ExitZeroWithRestartPolicyIsARestartOnceItIsUpAgain) {
  auto always = container("a");
  always.restart_policy = "always";
  begin({always});
  die("a", 0);
  EXPECT_THAT(types(), IsEmpty());
  start("a");
  EXPECT_THAT(types(), ElementsAre("restart"));
}

TEST_F(BoardTest, ACrashThatTheEngineMendsIsFailureThenRecovery) {
  auto always = container("a");
  always.restart_policy = "always";
  begin({always});
  die("a", 2);
  start("a");
  die("a", 2);
  start("a");
  EXPECT_THAT(types(), ElementsAre("failure", "recovery", "failure", "recovery"));
}

TEST_F(BoardTest, UpAfterAStopIsAStart) {
  begin({container("a")});
  stop("a");
  start("a");
  EXPECT_THAT(types(), ElementsAre("stop", "start"));
  EXPECT_EQ(state().status, "running");
}

TEST_F(BoardTest, SomebodyStopsAContainerThatTheEngineKeepsRestarting) {
  auto always = container("a");
  always.restart_policy = "always";
  begin({always});
  die("a", 2);
  tell("stop", "a");
  start("a");
  EXPECT_THAT(types(), ElementsAre("failure", "stop", "start"));
}

TEST_F(BoardTest, OneOfTwoThatIsStoppedIsNoEventAndTheLastOneIs) {
  auto database = container("b", "db");
  database.restart_policy = "always";
  begin({container("a"), database});
  stop("b", 143);
  EXPECT_THAT(types(), IsEmpty());
  EXPECT_EQ(state().status, "running");
  EXPECT_EQ(state().health, "unhealthy");
  stop("a");
  EXPECT_THAT(types(), ElementsAre("stop"));
  start("b");
  start("a");
  EXPECT_THAT(types(), ElementsAre("stop", "start"));
}

TEST_F(BoardTest, OneOfTwoThatFailsIsAFailureUntilNoneIsFailed) {
  begin({container("a"), container("b", "db")});
  die("a", 1);
  die("b", 1);
  start("a");
  EXPECT_THAT(types(), ElementsAre("failure", "failure"));
  start("b");
  EXPECT_THAT(types(), ElementsAre("failure", "failure", "recovery"));
}

TEST_F(BoardTest, AServiceHasFailedAsLongAsOneOfItsContainersHas) {
  EXPECT_FALSE(board->has_failed("notes")) << "nobody looked yet";
  begin({container("a"), container("b", "db")});
  EXPECT_EQ(board->has_failed("notes"), false);
  die("a", 1);
  EXPECT_EQ(board->has_failed("notes"), true) << "though b runs";
  start("a");
  EXPECT_EQ(board->has_failed("notes"), false);
  EXPECT_FALSE(board->has_failed("another"));
}

/// `docker stop` of a program that does not listen to it looks the same afterwards.
TEST_F(BoardTest, HowOneEndedThatNobodySawIsNotKnown) {
  begin({ended("a", 137)});
  EXPECT_EQ(board->has_failed("notes"), std::nullopt);
  start("a");
  EXPECT_EQ(board->has_failed("notes"), false);
  die("a", 137);
  EXPECT_EQ(board->has_failed("notes"), true) << "this one was seen";
}

TEST_F(BoardTest, OneThatTheEngineRestartsAgainAndAgainHasFailedForSure) {
  auto looping = ended("a", 1);
  looping.state = "restarting";
  begin({looping, container("b", "db")});
  EXPECT_EQ(board->has_failed("notes"), true);
  auto killed = ended("c", 137);
  killed.oom_killed = true;
  make_board("boot-2");
  begin({killed});
  EXPECT_EQ(board->has_failed("notes"), true);
  make_board("boot-3");
  begin({ended("d", 0)});
  EXPECT_EQ(board->has_failed("notes"), false);
}

TEST_F(BoardTest, AFailedContainerThatIsRemovedLeavesTheOthersRecovered) {
  begin({container("a"), container("b", "db")});
  die("a", 1);
  tell("destroy", "a");
  EXPECT_THAT(types(), ElementsAre("failure", "recovery"));
}

TEST_F(BoardTest, AfterAStopAnOldFailureIsForgotten) {
  begin({container("a"), container("b", "db")});
  die("a", 1);
  stop("b");
  start("b");
  EXPECT_THAT(types(), ElementsAre("failure", "stop", "start"));
}

TEST_F(BoardTest, AContainerOutsideTheRegistryHasEventsOfItsOwn) {
  begin({container("a"), outside(container("x"))});
  die("x", 1);
  ASSERT_THAT(types(), ElementsAre("failure"));
  EXPECT_EQ(events[0].scope, "container");
  EXPECT_EQ(events[0].service, "");
  EXPECT_EQ(events[0].container_id, "x");
  EXPECT_EQ(state().status, "running");
}

TEST_F(BoardTest, EventsWaitUntilTheLabelsOfANewContainerAreKnown) {
  begin({});
  EXPECT_TRUE(board->apply(event("create", "n")));
  EXPECT_TRUE(board->apply(event("start", "n")));
  EXPECT_THAT(types(), IsEmpty());
  board->refresh(container("n"));
  ASSERT_THAT(types(), ElementsAre("start"));
  EXPECT_EQ(events[0].service, "notes");
}

TEST_F(BoardTest, AContainerThatIsGoneBeforeItWasInspectedCountsAsOutside) {
  begin({});
  tell("create", "n");
  start("n");
  die("n", 3);
  board->vanished("n");
  ASSERT_THAT(types(), ElementsAre("start", "failure"));
  EXPECT_EQ(events[1].scope, "container");
  EXPECT_EQ(events[1].container, "name-of-n");
}

TEST_F(BoardTest, AnInspectionThatIsOlderThanTheEventDoesNotUndoIt) {
  begin({container("a")});
  const auto old = container("a");
  die("a", 1);
  board->refresh(old);
  EXPECT_EQ(state().status, "stopped");
  EXPECT_EQ(board->state().containers[0].exit_code, 1);
}

TEST_F(BoardTest, AnInspectionAloneIsNoEvent) {
  begin({container("a")});
  auto renewed = container("a");
  renewed.restart_policy = "always";
  board->refresh(renewed);
  EXPECT_THAT(types(), IsEmpty());
  EXPECT_EQ(board->state().containers[0].restart_policy, "always");
}

TEST_F(BoardTest, AHealthChangeIsAStateAndNoEvent) {
  auto checked = container("a");
  checked.health = "healthy";
  begin({checked});
  EXPECT_EQ(state().health, "healthy");
  const auto before = changes;
  auto change = event("health_status", "a");
  change.health = "unhealthy";
  board->apply(change);
  EXPECT_THAT(types(), IsEmpty());
  EXPECT_EQ(changes, before + 1);
  EXPECT_EQ(state().health, "unhealthy");
}

TEST_F(BoardTest, AnEventIsDatedByTheEnginesClockAndNeverInTheFuture) {
  begin({container("a")});
  auto late = event("die", "a");
  late.exit_code = 1;
  clock.advance(std::chrono::milliseconds{300});
  board->apply(late);
  auto early = event("start", "a");
  early.time_ns += 5'000'000'000;
  board->apply(early);
  ASSERT_EQ(events.size(), 2U);
  const auto now_us = to_unix_us(clock.now());
  EXPECT_EQ(events[0].when.wall_us, late.time_ns / 1000);
  EXPECT_EQ(events[0].when.uptime_ns, clock.uptime().count() - 310'000'000);
  EXPECT_EQ(events[0].when.boot_id, "boot-1");
  EXPECT_EQ(events[1].when.wall_us, now_us);
  EXPECT_EQ(events[1].when.uptime_ns, clock.uptime().count());
}

TEST_F(BoardTest, AContainerOfTwoServicesIsJudgedForBoth) {
  board->assign({assigned("all"), assigned("web", "web")});
  board->look({container("a"), container("b", "db")});
  die("a", 1);
  ASSERT_THAT(types(), ElementsAre("failure", "failure"));
  EXPECT_EQ(events[0].service, "all");
  EXPECT_EQ(events[1].service, "web");
  die("b", 1);
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[2].service, "all");
}

TEST_F(BoardTest, SaysForHowLongAnEngineThatIsLostGaveNoSign) {
  EXPECT_FALSE(board->state().engine_silent_ms) << "it never gave one";
  board->engine_gave_sign();
  begin({container("a")});
  clock.advance(std::chrono::seconds{20});
  EXPECT_FALSE(board->state().engine_silent_ms) << "it is not given up yet";
  board->engine_lost("three questions without an answer");
  EXPECT_EQ(board->state().engine_silent_ms, 20'000);
  clock.advance(std::chrono::seconds{5});
  EXPECT_EQ(board->state().engine_silent_ms, 25'000);
  board->engine_gave_sign();
  board->look({container("a")});
  EXPECT_FALSE(board->state().engine_silent_ms);
}

TEST_F(BoardTest, ANewAssignmentMakesNoEvents) {
  board->look({container("a")});
  board->assign({assigned()});
  EXPECT_EQ(state().status, "running");
  board->assign({});
  EXPECT_THAT(types(), IsEmpty());
  die("a", 1);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].scope, "container");
}

}  // namespace
}  // namespace portoser::agent::services
