#include "tests/unit/actions/fixture.h"

namespace portoser::agent::actions {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Adoption : public ActionsTest {
 protected:
  void restart_agent() {
    end(actions);
    progress.clear();
    windows.clear();
    actions = make_actions();
    actions->adopt();
  }
};

TEST_F(Adoption, ARunnerOutlivesTheAgentAndTheNextOneReportsIt) {
  const Gate gate{folder / "tool/gate"};
  script("up", "echo begun; read word < \"$dir/gate\"; echo done");
  const auto up = command<protocol::ComposeUp>(new_id());
  actions->handle(up);
  await("it has begun", [&] { return lines().size() == 1; });
  restart_agent();
  EXPECT_THAT(results, IsEmpty());
  await("its progress comes from the start", [&] { return lines().size() == 1; });
  EXPECT_EQ(progress.front().first_line, 0);
  EXPECT_THAT(windows, ElementsAre("begin notes compose.up"));
  gate.open();
  await_result();
  EXPECT_TRUE(results[0].succeeded) << results[0].message;
  EXPECT_EQ(results[0].command_id, up.id);
  EXPECT_THAT(lines(), ElementsAre("begun", "done"));
  EXPECT_THAT(calls(), ElementsAre("up -d"));
  EXPECT_THAT(windows, ElementsAre("begin notes compose.up", "end notes ok"));
}

TEST_F(Adoption, WhatEndedWhileNoAgentRanIsFinishedByTheNext) {
  const Gate gate{folder / "tool/gate"};
  script("stop", "echo $$ > \"$dir/child\"; read word < \"$dir/gate\"");
  engine.list = {container("a")};
  const auto stop = command<protocol::ComposeStop>(new_id());
  actions->handle(stop);
  await("it runs", [&] { return pid_in("child") > 0; });
  end(actions);
  gate.open();
  const auto outcome = settings.data_folder / "journal" / stop.id / "outcome.json";
  await("the runner is through", [&] { return std::filesystem::exists(outcome); });
  EXPECT_THAT(engine.updates, IsEmpty());
  actions = make_actions();
  actions->adopt();
  await_result();
  EXPECT_TRUE(results[0].succeeded) << results[0].message;
  EXPECT_THAT(engine.updates, ElementsAre(testing::Pair("a", "no")));
}

TEST_F(Adoption, AnAdoptedCommandKeepsItsProjectBusyAndCanBeCancelled) {
  const Gate gate{folder / "tool/gate"};
  script("up", "echo $$ > \"$dir/child\"; read word < \"$dir/gate\"");
  const auto up = command<protocol::ComposeUp>(new_id());
  actions->handle(up);
  await("it runs", [&] { return pid_in("child") > 0; });
  restart_agent();
  actions->handle(command<protocol::ComposeStop>(new_id()));
  await_result();
  EXPECT_EQ(results[0].reason, "BUSY");
  actions->cancel({up.id, false});
  await_result(2);
  EXPECT_EQ(results[1].command_id, up.id);
  EXPECT_EQ(results[1].reason, "ACTION_CANCELLED");
  EXPECT_FALSE(alive(pid_in("child")));
}

TEST_F(Adoption, ACommandThatWasTakenOnAndNotStartedIsInterrupted) {
  const auto up = command<protocol::ComposeUp>(new_id());
  Journal{settings.data_folder / "journal"}.begin(up);
  restart_agent();
  await_result();
  EXPECT_EQ(results[0].command_id, up.id);
  EXPECT_EQ(results[0].reason, "ACTION_INTERRUPTED");
  EXPECT_THAT(calls(), IsEmpty());
}

TEST_F(Adoption, ACommandWhoseResultCouldNotBeKeptIsJudgedAndNotRunAgain) {
  const auto up = command<protocol::ComposeUp>(new_id());
  actions->handle(up);
  await_result();
  const auto kept = settings.data_folder / "journal" / up.id / "result.json";
  await("the journal has it", [&] { return std::filesystem::exists(kept); });
  std::filesystem::remove(kept);
  end(actions);
  actions = make_actions();
  actions->handle(up);
  await_result(2);
  EXPECT_TRUE(results[1].succeeded) << results[1].message;
  EXPECT_EQ(calls().size(), 1U);
}

}  // namespace
}  // namespace portoser::agent::actions
