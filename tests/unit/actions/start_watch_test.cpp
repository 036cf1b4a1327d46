#include "tests/unit/actions/fixture.h"

namespace portoser::agent::actions {
namespace {

using testing::HasSubstr;

class StartWatch : public ActionsTest {
 protected:
  void settle(std::chrono::milliseconds time) {
    end(actions);
    settings.compose.settle = time;
    actions = make_actions();
  }
  protocol::CommandResult up() {
    actions->handle(command<protocol::ComposeUp>(new_id()));
    await_result();
    return results[0];
  }
};

TEST_F(StartWatch, AContainerThatEndsAtOnceFailsTheStart) {
  auto dead = container("a");
  dead.state = "exited";
  dead.exit_code = 78;
  engine.list = {dead};
  const auto result = up();
  EXPECT_FALSE(result.succeeded);
  EXPECT_EQ(result.reason, "CONTAINER_EXITED");
  EXPECT_EQ(result.exit_code, 78);
  EXPECT_THAT(result.message, HasSubstr("notes-a"));
  EXPECT_THAT(result.hint, HasSubstr("docker logs"));
}

TEST_F(StartWatch, OneThatEndsALittleLaterToo) {
  auto young = container("a");
  young.started_us = to_unix_us(clock.now()) + 3'600'000'000;
  engine.list = {young};
  engine.before_look = [&](int look) {
    if (look < 2) return;
    engine.list[0].state = "exited";
    engine.list[0].exit_code = 1;
  };
  EXPECT_EQ(up().reason, "CONTAINER_EXITED");
}

TEST_F(StartWatch, OneThatTheEngineKeepsRestartingToo) {
  auto young = container("a");
  young.started_us = to_unix_us(clock.now()) + 3'600'000'000;
  engine.list = {young};
  engine.before_look = [&](int look) { engine.list[0].started_us += look; };
  const auto result = up();
  EXPECT_EQ(result.reason, "CONTAINER_EXITED");
  EXPECT_FALSE(result.exit_code.has_value());
}

TEST_F(StartWatch, AJobThatIsDoneIsASuccess) {
  auto done = container("a");
  done.state = "exited";
  engine.list = {done, container("b")};
  EXPECT_TRUE(up().succeeded);
}

TEST_F(StartWatch, ContainersThatHaveBeenUpForLongAreNotWaitedFor) {
  engine.list = {container("a")};
  EXPECT_TRUE(up().succeeded);
  EXPECT_EQ(engine.looks, 1);
}

TEST_F(StartWatch, AHealthyOneIsNotWaitedFor) {
  settle(std::chrono::hours{1});
  auto healthy = container("a");
  healthy.started_us = to_unix_us(clock.now());
  healthy.health = "healthy";
  auto done = container("b");
  done.state = "exited";
  engine.list = {healthy, done};
  EXPECT_TRUE(up().succeeded);
  EXPECT_EQ(engine.looks, 1);
}

TEST_F(StartWatch, OneThatIsNotYetHealthyIsGivenTimeLikeOneWithoutACheck) {
  settle(std::chrono::hours{1});
  auto starting = container("a");
  starting.started_us = to_unix_us(clock.now());
  starting.health = "starting";
  engine.list = {starting};
  engine.before_look = [&](int look) {
    if (look == 3) engine.list[0].health = "healthy";
  };
  EXPECT_TRUE(up().succeeded);
  EXPECT_EQ(engine.looks, 3) << "the wait ends with the check's first success";
}

TEST_F(StartWatch, WhatTheToolItselfTookCounts) {
  // Started while the tool was still at work with the others.
  settle(std::chrono::minutes{1});
  auto started = container("a");
  started.started_us = to_unix_us(clock.now()) - 61'000'000;
  engine.list = {started};
  EXPECT_TRUE(up().succeeded);
  EXPECT_EQ(engine.looks, 1);
}

TEST_F(StartWatch, SomebodyElsesContainerDoesNotMatter) {
  auto stranger = container("x");
  stranger.labels.clear();
  stranger.state = "restarting";
  engine.list = {stranger};
  EXPECT_TRUE(up().succeeded);
}

}  // namespace
}  // namespace portoser::agent::actions
