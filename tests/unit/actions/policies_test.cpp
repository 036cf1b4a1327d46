#include "tests/unit/actions/fixture.h"

namespace portoser::agent::actions {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

using Policies = ActionsTest;

TEST_F(Policies, AStopTakesThemAwayAndAnUpGivesThemBackAcrossARestartOfTheAgent) {
  auto database = container("b");
  database.restart_policy = "unless-stopped";
  auto job = container("c");
  job.restart_policy = "no";
  auto stranger = container("x");
  stranger.labels.clear();
  engine.list = {container("a"), database, job, stranger};
  actions->handle(command<protocol::ComposeStop>(new_id()));
  await_result();
  EXPECT_TRUE(results[0].succeeded) << results[0].message;
  EXPECT_THAT(engine.updates, ElementsAre(Pair("a", "no"), Pair("b", "no")));
  engine.updates.clear();
  end(actions);
  actions = make_actions();
  actions->handle(command<protocol::ComposeUp>(new_id()));
  await_result(2);
  EXPECT_TRUE(results[1].succeeded) << results[1].message;
  EXPECT_THAT(engine.updates, ElementsAre(Pair("a", "always"), Pair("b", "unless-stopped")));
}

TEST_F(Policies, TheLimitOfRestartsComesBackToo) {
  auto limited = container("a");
  limited.restart_policy = "on-failure";
  limited.restart_limit = 5;
  engine.list = {limited};
  actions->handle(command<protocol::ComposeStop>(new_id()));
  await_result();
  EXPECT_THAT(engine.updates, ElementsAre(Pair("a", "no")));
  engine.updates.clear();
  engine.list[0].restart_limit = 0;  // as the engine has it with "no"
  actions->handle(command<protocol::ComposeUp>(new_id()));
  await_result(2);
  EXPECT_THAT(engine.updates, ElementsAre(Pair("a", "on-failure:5")));
}

TEST_F(Policies, AContainerThatARestartReplacedIsForgotten) {
  engine.list = {container("a")};
  actions->handle(command<protocol::ComposeStop>(new_id()));
  await_result();
  engine.list = {container("new")};
  engine.updates.clear();
  actions->handle(command<protocol::ComposeRestart>(new_id()));
  await_result(2);
  run(actions->reconcile_restart_policies());
  EXPECT_THAT(engine.updates, IsEmpty());
  EXPECT_EQ(read_file(settings.data_folder / "restart-policies.json"), "{}");
}

TEST_F(Policies, ReconcilingFinishesWhatACrashCutOff) {
  end(actions);
  make_folder(settings.data_folder);
  write_file_atomic(settings.data_folder / "restart-policies.json",
                    R"({"running":"always","stopped":"always","gone":"always","done":"always"})");
  auto running = container("running");
  running.restart_policy = "no";
  auto stopped = container("stopped");
  stopped.state = "exited";
  auto done = stopped;
  done.id = "done";
  done.restart_policy = "no";
  engine.list = {running, stopped, done};
  actions = make_actions();
  run(actions->reconcile_restart_policies());
  EXPECT_THAT(engine.updates, ElementsAre(Pair("running", "always"), Pair("stopped", "no")));
  const auto kept = read_file(settings.data_folder / "restart-policies.json");
  EXPECT_EQ(kept, R"({"done":"always","stopped":"always"})");
}

TEST_F(Policies, AFileThatCannotBeReadStopsNobody) {
  end(actions);
  write_file_atomic(settings.data_folder / "restart-policies.json", "{nonsense");
  actions = make_actions();
  engine.list = {container("a")};
  actions->handle(command<protocol::ComposeStop>(new_id()));
  await_result();
  EXPECT_TRUE(results[0].succeeded) << results[0].message;
}

TEST_F(Policies, AStopWhoseEngineIsAwayAfterwardsIsNoSuccess) {
  engine.away = true;
  actions->handle(command<protocol::ComposeStop>(new_id()));
  await_result();
  EXPECT_FALSE(results[0].succeeded);
  EXPECT_EQ(results[0].reason, "ENGINE_UNAVAILABLE");
}

}  // namespace
}  // namespace portoser::agent::actions
