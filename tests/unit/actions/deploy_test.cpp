// compose.deploy as the agent sees it, with portoser-deployment played by a script.
#include "agent/actions/deploy_steps.h"
#include "agent/deployments/parameters.h"
#include "common/describe_json.h"
#include "common/ids.h"
#include "tests/unit/actions/deploy_fixture.h"

#include <signal.h>

namespace portoser::agent::actions {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

TEST_F(Deploy, StartsChecksAndKeeps) {
  actions->handle(deploy("up"));
  await_result();
  EXPECT_TRUE(results[0].succeeded) << results[0].message;
  EXPECT_EQ(results[0].undone, "");
  EXPECT_THAT(calls(), ElementsAre("keep-before", "up -d", "health", "keep", "tidy"));
  EXPECT_THAT(windows, ElementsAre("begin notes compose.up", "end notes ok"));
}

TEST_F(Deploy, ARestartRecreatesAndARebuildMakesFirst) {
  actions->handle(deploy("restart"));
  await_result();
  EXPECT_THAT(calls(),
              ElementsAre("keep-before", "up -d --force-recreate", "health", "keep", "tidy"));
  std::filesystem::remove(folder / "tool/calls");
  write_compose_file("services: {web: {build: .}, db: {image: x}}\n");
  actions->handle(deploy("rebuild"));
  await_result(2);
  EXPECT_TRUE(results[1].succeeded) << results[1].message;
  EXPECT_THAT(calls(),
              ElementsAre("keep-before",
                          "config -q",
                          "build web",
                          "pull db",
                          "up -d --no-build --force-recreate",
                          "health",
                          "keep",
                          "tidy"));
  EXPECT_THAT(windows,
              ElementsAre("begin notes compose.restart",
                          "end notes ok",
                          "begin notes compose.rebuild",
                          "end notes ok"));
}

TEST_F(Deploy, ANewTextIsCheckedAndInstalledBeforeAnythingStarts) {
  actions->handle(deploy([](auto& arguments) {
    arguments.action = "restart";
    arguments.replaces_text = true;
    arguments.text = "services: {}\n";
    arguments.deployment.clear();
  }));
  await_result();
  EXPECT_TRUE(results[0].succeeded) << results[0].message;
  EXPECT_THAT(calls(),
              ElementsAre("keep-before",
                          "check",
                          "images",
                          "install",
                          "stop-gone",
                          "up -d --no-build --force-recreate",
                          "health",
                          "remove-gone",
                          "tidy"));
}

TEST_F(Deploy, ARestoreNeitherBuildsNorPulls) {
  actions->handle(deploy([](auto& arguments) {
    arguments.action = "restore";
    arguments.restore = "deploy-20261130-110000-0a1b2c3d";
  }));
  await_result();
  EXPECT_TRUE(results[0].succeeded) << results[0].message;
  EXPECT_THAT(calls(),
              ElementsAre("keep-before",
                          "check-kept",
                          "install",
                          "stop-gone",
                          "up-kept",
                          "health",
                          "remove-gone",
                          "keep",
                          "tidy"));
}

TEST_F(Deploy, WhatItsProgramHasToKnowIsInAFileAndNotOnItsCommandLine) {
  const auto some = deploy([](auto& arguments) {
    arguments.replaces_text = true;
    arguments.text = "secret: \xff\r\n";
    arguments.revision = "00";
    arguments.health_ms = 7;
  });
  actions->handle(some);
  await_result();
  const auto journal = settings.data_folder / "journal" / some.id;
  deployments::Parameters parameters;
  from_json(Json::parse(read_file(journal / "parameters.json")), parameters, "parameters");
  EXPECT_EQ(parameters.command, some.id);
  EXPECT_EQ(parameters.file, (folder / "notes/docker-compose.yml").string());
  EXPECT_EQ(from_base64url(parameters.text), "secret: \xff\r\n");
  EXPECT_EQ(parameters.health_ms, 7);
  EXPECT_THAT(read_file(journal / "spec.json"), testing::Not(HasSubstr("secret")));
}

TEST_F(Deploy, WhatMakesNoSenseIsRefusedAndNothingIsRun) {
  const std::vector<std::function<void(protocol::ComposeDeploy&)>> wrong{
      [](auto& arguments) { arguments.action = "explode"; },
      [](auto& arguments) { arguments.deployment = "../x"; },
      [](auto& arguments) { arguments.action = "restore"; },
      [](auto& arguments) {
        arguments.replaces_text = true;
        arguments.text = std::string((256U << 10U) + 1, 'x');
      }};
  for (const auto& change : wrong) {
    results.clear();
    actions->handle(deploy(change));
    await_result();
    EXPECT_FALSE(results[0].succeeded);
    EXPECT_FALSE(results[0].message.empty());
  }
  EXPECT_THAT(calls(), IsEmpty());
}

TEST_F(Deploy, AFailureTellsWhatFailedAndThatWhatRanBeforeRunsAgain) {
  engine.list = {container("a")};
  script(
      "health",
      "echo 'web: health check: refused'; echo 'hint: look there'; echo 'HEALTH_NOT_BACK: web is "
      "not healthy'; exit 1");
  script("undo", "echo 'the text is back'");
  actions->handle(deploy("restart"));
  await_result();
  EXPECT_FALSE(results[0].succeeded);
  EXPECT_EQ(results[0].reason, "HEALTH_NOT_BACK");
  EXPECT_EQ(results[0].message, "web is not healthy; what ran before runs again");
  EXPECT_EQ(results[0].hint, "look there");
  EXPECT_EQ(results[0].failed_step, "health");
  EXPECT_EQ(results[0].undone, "returned");
  EXPECT_EQ(results[0].last_lines.back(), "HEALTH_NOT_BACK: web is not healthy");
  EXPECT_THAT(lines(), testing::Contains("the text is back"));
  EXPECT_THAT(calls(),
              ElementsAre("keep-before",
                          "up -d --force-recreate",
                          "health",
                          "undo",
                          "undo-up",
                          "undo-health",
                          "tidy"));
}

TEST_F(Deploy, AnUndoThatFailsSaysWhy) {
  script("up", "echo 'Bind for 0.0.0.0:80 failed: port is already allocated'; exit 1");
  script("undo-up", "echo 'ERROR: no such image'; exit 1");
  actions->handle(deploy("up"));
  await_result();
  EXPECT_EQ(results[0].reason, "PORT_TAKEN");
  EXPECT_EQ(results[0].undone, "failed");
  EXPECT_THAT(results[0].message, HasSubstr("port 80 of this host is taken"));
  EXPECT_THAT(results[0].message, HasSubstr("could not be brought back"));
  EXPECT_THAT(results[0].message, HasSubstr("no such image"));
}

TEST_F(Deploy, AContainerThatEndedHasItsExitCodeInTheResult) {
  script("health",
         "echo 'exit: 3'; echo 'hint: x'; echo 'CONTAINER_EXITED: web ended (exit 3)'; exit 1");
  script("undo", "exit 100");
  actions->handle(deploy("up"));
  await_result();
  EXPECT_EQ(results[0].reason, "CONTAINER_EXITED");
  EXPECT_EQ(results[0].exit_code, 3);
  EXPECT_EQ(results[0].undone, "");
  EXPECT_EQ(results[0].message, "web ended (exit 3)");
}

TEST_F(Deploy, ACancelSaysWhatBecameOfIt) {
  script("health", "echo $$ > \"$dir/child\"; while :; do sleep 1; done");
  const auto some = deploy("up");
  actions->handle(some);
  await("it waits for health", [&] { return pid_in("child") > 0; });
  actions->cancel({some.id, false});
  await_result();
  EXPECT_EQ(results[0].reason, "ACTION_CANCELLED");
  EXPECT_EQ(results[0].undone, "returned");
  EXPECT_THAT(results[0].message, HasSubstr("what ran before runs again"));
}

TEST_F(Deploy, AKilledRunnerIsFollowedByAnotherThatUndoes) {
  script("health", "echo $$ > \"$dir/child\"; while :; do sleep 1; done");
  const auto some = deploy("up");
  actions->handle(some);
  await("it waits for health", [&] { return pid_in("child") > 0; });
  ASSERT_EQ(::kill(runner_pid(some.id), SIGKILL), 0);
  await_result();
  EXPECT_EQ(results[0].reason, "ACTION_INTERRUPTED");
  EXPECT_EQ(results[0].undone, "returned");
  EXPECT_THAT(results[0].message, HasSubstr("in the step \"health\""));
  EXPECT_THAT(
      calls(),
      ElementsAre("keep-before", "up -d", "health", "undo", "undo-up", "undo-health", "tidy"));
}

TEST_F(Deploy, AgentAndRunnerKilledAreFollowedByAnAgentThatUndoes) {
  script("up", "echo $$ > \"$dir/child\"; while :; do sleep 1; done");
  const auto some = deploy("up");
  actions->handle(some);
  await("it starts", [&] { return pid_in("child") > 0; });
  end(actions);
  ASSERT_EQ(::kill(runner_pid(some.id), SIGKILL), 0);
  await("the runner is gone", [&] { return !alive(runner_pid(some.id)); });
  actions = make_actions();
  actions->adopt();
  await_result();
  EXPECT_EQ(results[0].command_id, some.id);
  EXPECT_EQ(results[0].undone, "returned");
  EXPECT_THAT(calls(),
              ElementsAre("keep-before", "up -d", "undo", "undo-up", "undo-health", "tidy"));
}

TEST_F(Deploy, KilledWhileItKeepsIsASuccessAllTheSame) {
  script("keep",
         "[ -f \"$dir/child\" ] || { echo $$ > \"$dir/child\"; while :; do sleep 1; done; }");
  const auto some = deploy("up");
  actions->handle(some);
  await("it keeps", [&] { return pid_in("child") > 0; });
  ASSERT_EQ(::kill(runner_pid(some.id), SIGKILL), 0);
  await_result();
  EXPECT_TRUE(results[0].succeeded) << results[0].message;
  EXPECT_EQ(results[0].undone, "");
}

TEST_F(Deploy, ARunnerThatIsKilledAgainAndAgainIsGivenUp) {
  script("health", "kill -9 $PPID");
  script("undo", "kill -9 $PPID");
  actions->handle(deploy("up"));
  await_result();
  EXPECT_EQ(results[0].reason, "ACTION_INTERRUPTED");
  EXPECT_EQ(results[0].undone, "failed");
  EXPECT_THAT(calls(), ElementsAre("keep-before", "up -d", "health", "undo", "undo", "undo"));
}

TEST_F(Deploy, PoliciesComeBackWithASuccess) {
  auto stopped = container("a");
  engine.list = {stopped};
  actions->handle(command<protocol::ComposeStop>(new_id()));
  await_result();
  EXPECT_THAT(engine.updates, ElementsAre(Pair("a", "no")));
  actions->handle(deploy("up"));
  await_result(2);
  EXPECT_THAT(engine.updates, ElementsAre(Pair("a", "no"), Pair("a", "always")));
}

TEST_F(Deploy, AWrittenFileGivesNoPolicyBack) {
  engine.list = {container("a")};
  actions->handle(command<protocol::ComposeStop>(new_id()));
  await_result();
  engine.list[0].state = "exited";
  const auto write = [](auto& arguments) {
    arguments.action = "write";
    arguments.replaces_text = true;
    arguments.text = "services: {}\n";
    arguments.deployment.clear();
  };
  actions->handle(deploy(write));
  await_result(2);
  EXPECT_TRUE(results[1].succeeded) << results[1].message;
  script("install", "exit 1");
  actions->handle(deploy(write));
  await_result(3);
  EXPECT_EQ(results[2].undone, "returned");
  EXPECT_THAT(engine.updates, ElementsAre(Pair("a", "no")));
}

TEST_F(Deploy, AnUndoOfWhatDidNotRunTakesThePoliciesAway) {
  engine.list = {container("a")};
  script("health", "echo 'HEALTH_NOT_BACK: x'; exit 1");
  const Gate gate{folder / "tool/gate"};
  script("undo-up", "read word < \"$dir/gate\"");
  actions->handle(deploy("up"));
  await("it undoes", [&] { return calls().size() == 5; });
  engine.list[0].state = "exited";
  gate.open();
  await_result();
  EXPECT_THAT(engine.updates, ElementsAre(Pair("a", "no")));
}

TEST_F(Deploy, AProgramThatIsNotThereIsSaidBeforeAnything) {
  settings.compose.deployment_program = "/no/such/portoser-deployment";
  restart_agent();
  actions->handle(deploy("up"));
  await_result();
  EXPECT_THAT(results[0].message, HasSubstr("/no/such/portoser-deployment"));
  EXPECT_THAT(calls(), IsEmpty());
}

}  // namespace
}  // namespace portoser::agent::actions
