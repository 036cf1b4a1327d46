#include "tests/unit/actions/fixture.h"

namespace portoser::agent::actions {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Cancel : public ActionsTest {
 protected:
  /// The step has a grandchild in a session of its own that ignores SIGTERM.
  void script_with_grandchild() {
    script("up",
           "setsid sh -c 'trap \"\" TERM; echo $$ > \"$1/grandchild\"; read word < \"$1/gate\"' "
           "sh \"$dir\" &\n"
           "echo $$ > \"$dir/child\"; wait");
  }
  void await_grandchild() {
    await("the grandchild runs", [&] { return pid_in("grandchild") > 0 && pid_in("child") > 0; });
  }

  Gate gate{folder / "tool/gate"};
};

TEST_F(Cancel, EndsTheWholeTreeAndSaysSo) {
  script_with_grandchild();
  const auto up = command<protocol::ComposeUp>(new_id());
  actions->handle(up);
  await_grandchild();
  const auto runner = runner_pid(up.id);
  actions->cancel({up.id, false});
  await_result();
  EXPECT_EQ(results[0].reason, "ACTION_CANCELLED");
  EXPECT_FALSE(alive(pid_in("child")));
  EXPECT_FALSE(alive(pid_in("grandchild")));
  EXPECT_FALSE(alive(runner));
}

TEST_F(Cancel, ADeadlineDoesTheSame) {
  script_with_grandchild();
  auto up = command<protocol::ComposeUp>(new_id());
  up.duration_ms = 2500;
  actions->handle(up);
  await_result();
  EXPECT_EQ(results[0].reason, "ACTION_DEADLINE");
  EXPECT_EQ(results[0].code, "deadline");
  EXPECT_THAT(results[0].message, HasSubstr("in the step"));
  EXPECT_FALSE(alive(pid_in("grandchild")));
}

TEST_F(Cancel, OfAnUnknownCommandIsNothing) {
  actions->cancel({new_id(), false});
  EXPECT_TRUE(results.empty());
}

TEST_F(Cancel, WhatNobodyWaitsForAnyMoreDoesNotBegin) {
  const auto up = command<protocol::ComposeUp>(new_id());
  actions->handle(up);
  actions->cancel({up.id, true});
  await_result();
  EXPECT_EQ(results[0].reason, "COMMAND_TOO_LATE");
  EXPECT_TRUE(calls().empty());
  actions->handle(up);
  await_result(2);
  EXPECT_EQ(results[1].reason, "COMMAND_TOO_LATE") << "not when it is repeated either";
  EXPECT_TRUE(calls().empty());
}

TEST_F(Cancel, WhatNobodyWaitsForAnyMoreGoesOnToItsEndOnceItHasBegun) {
  script("up", "echo $$ > \"$dir/child\"; read word < \"$dir/gate\"");
  const auto up = command<protocol::ComposeUp>(new_id());
  actions->handle(up);
  await("the step runs", [&] { return pid_in("child") > 0; });
  actions->cancel({up.id, true});
  gate.open();
  await_result();
  EXPECT_TRUE(results[0].succeeded) << results[0].message;
}

TEST_F(Cancel, TheProjectIsFreeAfterwards) {
  script_with_grandchild();
  const auto up = command<protocol::ComposeUp>(new_id());
  actions->handle(up);
  await_grandchild();
  actions->cancel({up.id, false});
  await_result();
  actions->handle(command<protocol::ComposeStop>(new_id()));
  await_result(2);
  EXPECT_TRUE(results[1].succeeded) << results[1].message;
}

TEST_F(Cancel, WhatAStepLeavesBehindEndsWithIt) {
  script("up",
         "sh -c 'echo $$ > \"$1/grandchild\"; read word < \"$1/gate\"' sh \"$dir\" &\n"
         "while ! [ -s \"$dir/grandchild\" ]; do :; done");
  actions->handle(command<protocol::ComposeUp>(new_id()));
  await_result();
  EXPECT_TRUE(results[0].succeeded) << results[0].message;
  EXPECT_FALSE(alive(pid_in("grandchild")));
}

TEST_F(Cancel, AKilledRunnerIsAnInterruptedCommandThatNeverRunsAgain) {
  script("up", "echo $$ > \"$dir/child\"; read word < \"$dir/gate\"");
  const auto up = command<protocol::ComposeUp>(new_id());
  actions->handle(up);
  await("the step runs", [&] { return pid_in("child") > 0; });
  ::kill(runner_pid(up.id), SIGKILL);
  await_result();
  EXPECT_EQ(results[0].reason, "ACTION_INTERRUPTED");
  await("its step is gone too", [&] { return !alive(pid_in("child")); });
  actions->handle(up);
  await_result(2);
  EXPECT_EQ(results[1].reason, "ACTION_INTERRUPTED");
  EXPECT_THAT(calls(), ElementsAre("up -d"));
}

}  // namespace
}  // namespace portoser::agent::actions
