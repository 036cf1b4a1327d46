#include "tests/unit/actions/fixture.h"

#include <cstdlib>

namespace portoser::agent::actions {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(ActionsTest, UpIsOneCallOfTheTool) {
  const auto id = new_id();
  actions->handle(command<protocol::ComposeUp>(id));
  await_result();
  EXPECT_TRUE(results[0].succeeded) << results[0].message;
  EXPECT_EQ(results[0].command_id, id);
  EXPECT_FALSE(results[0].when.boot_id.empty());
  EXPECT_THAT(calls(), ElementsAre("up -d"));
  EXPECT_THAT(windows, ElementsAre("begin notes compose.up", "end notes ok"));
}

TEST_F(ActionsTest, TheToolRunsInTheFilesFolderAgainstOurEngine) {
  script("up", "echo \"in $PWD\"; echo \"to $DOCKER_HOST\"; echo \"file ${COMPOSE_FILE-none}\"");
  ::setenv("COMPOSE_FILE", "/elsewhere.yml", 1);
  actions->handle(command<protocol::ComposeUp>(new_id()));
  await_result();
  ::unsetenv("COMPOSE_FILE");
  EXPECT_THAT(
      lines(),
      ElementsAre(
          "in " + (folder / "notes").string(), "to unix:///no/such/docker.sock", "file none"));
}

TEST_F(ActionsTest, ProgressIsNumberedWithinTheCommandAndNamesItsStep) {
  write_compose_file("services: {web: {build: .}}\n");
  script("config", "echo checked");
  script("up", "for n in $(seq 120); do echo line $n; done; echo last >&2");
  actions->handle(command<protocol::ComposeRebuild>(new_id()));
  await_result();
  std::int64_t next = 0;
  for (const auto& part : progress) {
    EXPECT_EQ(part.first_line, next);
    EXPECT_LE(part.lines.size(), 50U);
    next += static_cast<std::int64_t>(part.lines.size());
  }
  EXPECT_EQ(next, 122);
  EXPECT_EQ(lines().front(), "checked");
  EXPECT_EQ(lines().back(), "last");
  EXPECT_EQ(progress.front().step, "config");
  EXPECT_THAT(progress.front().steps, ElementsAre("config", "build", "up")) << "what will follow";
  EXPECT_EQ(progress.back().step, "up");
}

TEST_F(ActionsTest, ARepeatGetsTheFirstResultAndRunsNothing) {
  script("up", "echo no luck >&2; exit 3");
  const auto again = command<protocol::ComposeUp>(new_id());
  actions->handle(again);
  await_result();
  script("up", "exit 0");
  await("the first one is over", [&] {
    return std::filesystem::exists(settings.data_folder / "journal" / again.id / "result.json");
  });
  end(actions);
  actions = make_actions();
  actions->adopt();
  actions->handle(again);
  await_result(2);
  EXPECT_FALSE(results[0].succeeded);
  EXPECT_EQ(results[1], results[0]);
  EXPECT_EQ(calls().size(), 1U);
}

TEST_F(ActionsTest, ARepeatOfARunningCommandJoinsItFromLineZero) {
  const Gate gate{folder / "tool/gate"};
  script("up", "echo begun; read word < \"$dir/gate\"; echo done");
  const auto again = command<protocol::ComposeUp>(new_id());
  actions->handle(again);
  await("the first line is there", [&] { return lines().size() == 1; });
  progress.clear();
  actions->handle(again);
  await("it is there again", [&] { return lines().size() == 1; });
  EXPECT_EQ(progress.front().first_line, 0);
  gate.open();
  await_result();
  EXPECT_THAT(lines(), ElementsAre("begun", "done"));
  EXPECT_EQ(results.size(), 1U);
  EXPECT_EQ(calls().size(), 1U);
}

TEST_F(ActionsTest, AFailedStepEndsTheCommandWithTheToolsWords) {
  script("config", "echo 'services.web: unsupported option' >&2; exit 1");
  write_compose_file("services: {web: {build: .}}\n");
  actions->handle(command<protocol::ComposeRebuild>(new_id()));
  await_result();
  EXPECT_FALSE(results[0].succeeded);
  EXPECT_EQ(results[0].reason, "COMPOSE_INVALID");
  EXPECT_EQ(results[0].code, "invalid");
  EXPECT_EQ(results[0].exit_code, 1);
  EXPECT_THAT(results[0].message, HasSubstr("services.web: unsupported option"));
  EXPECT_THAT(results[0].last_lines, ElementsAre("services.web: unsupported option"));
  EXPECT_EQ(results[0].failed_step, "config");
  EXPECT_THAT(calls(), ElementsAre("config -q"));
  EXPECT_THAT(windows, ElementsAre("begin notes compose.rebuild", "end notes failed"));
}

TEST_F(ActionsTest, AFileThatUpRefusesIsAnInvalidFile) {
  script("up",
         "echo \"The Compose file './docker-compose.yml' is invalid because:\" >&2\n"
         "echo \"Unsupported config option for services.web: 'imag'\" >&2; exit 1");
  actions->handle(command<protocol::ComposeRestart>(new_id()));
  await_result();
  EXPECT_EQ(results[0].reason, "COMPOSE_INVALID");
  EXPECT_THAT(results[0].message, HasSubstr("services.web: 'imag'"));
  EXPECT_THAT(results[0].hint, HasSubstr("nothing was stopped"));
  EXPECT_EQ(results[0].failed_step, "up");
}

TEST_F(ActionsTest, ALongOutputGivesItsLastTwentyLines) {
  script("up", "for n in $(seq 100); do echo line $n; done; exit 1");
  actions->handle(command<protocol::ComposeUp>(new_id()));
  await_result();
  ASSERT_EQ(results[0].last_lines.size(), 20U);
  EXPECT_EQ(results[0].last_lines.back(), "line 100");
}

/// More than a pipe holds, on each of both: a reader who waits for one of them stalls the tool.
TEST_F(ActionsTest, AMebibyteOnEitherOutputHoldsUpNothing) {
  script("up",
         "line=$(head -c 1023 /dev/zero | tr '\\0' x)\n"
         "for n in $(seq 1024); do echo \"$line\" >&2; done\n"
         "for n in $(seq 1024); do echo \"$line\"; done\n"
         "echo the last one");
  actions->handle(command<protocol::ComposeUp>(new_id()));
  await_result();
  EXPECT_TRUE(results[0].succeeded) << results[0].message;
  ASSERT_EQ(lines().size(), 2U * 1024 + 1);
  EXPECT_EQ(lines().front(), std::string(1023, 'x'));
  EXPECT_EQ(lines().back(), "the last one");
}

TEST_F(ActionsTest, AMissingFileIsToldWithEveryCandidateAndNothingRuns) {
  std::filesystem::remove(folder / "notes/docker-compose.yml");
  actions->handle(command<protocol::ComposeUp>(new_id()));
  await_result();
  EXPECT_EQ(results[0].reason, "COMPOSE_FILE_MISSING");
  EXPECT_EQ(results[0].code, "not_found");
  for (const auto& file : target().files) EXPECT_THAT(results[0].message, HasSubstr(file));
  EXPECT_THAT(calls(), IsEmpty());
  EXPECT_THAT(windows, IsEmpty());
}

TEST_F(ActionsTest, WithoutAComposeToolItSaysWhatToInstall) {
  std::filesystem::remove(folder / "tool/compose");
  actions->handle(command<protocol::ComposeUp>(new_id()));
  await_result();
  EXPECT_EQ(results[0].reason, "COMPOSE_MISSING");
  EXPECT_THAT(results[0].hint, HasSubstr("apt install docker-compose"));
}

TEST_F(ActionsTest, AToolThatVanishedSinceIsLookedForAgain) {
  actions->handle(command<protocol::ComposeUp>(new_id()));
  await_result();
  std::filesystem::rename(folder / "tool/compose", folder / "tool/away");
  actions->handle(command<protocol::ComposeUp>(new_id()));
  await_result(2);
  EXPECT_EQ(results[1].reason, "COMPOSE_MISSING");
  std::filesystem::rename(folder / "tool/away", folder / "tool/compose");
  actions->handle(command<protocol::ComposeUp>(new_id()));
  await_result(3);
  EXPECT_TRUE(results[2].succeeded) << results[2].message;
}

TEST_F(ActionsTest, ASecondCommandInTheSameProjectIsRefusedAndNamesTheFirst) {
  const Gate gate{folder / "tool/gate"};
  script("up", "echo begun; read word < \"$dir/gate\"");
  const auto first = command<protocol::ComposeUp>(new_id());
  actions->handle(first);
  await("the first runs", [&] { return lines().size() == 1; });
  const auto second = command<protocol::ComposeStop>(new_id());
  actions->handle(second);
  await_result();
  EXPECT_EQ(results[0].command_id, second.id);
  EXPECT_EQ(results[0].reason, "BUSY");
  EXPECT_EQ(results[0].code, "conflict");
  EXPECT_THAT(results[0].message, HasSubstr(first.id));
  gate.open();
  await_result(2);
  EXPECT_TRUE(results[1].succeeded);
  // The refusal is its answer for good.
  actions->handle(second);
  await_result(3);
  EXPECT_EQ(results[2].reason, "BUSY");
  EXPECT_THAT(calls(), ElementsAre("up -d"));
}

TEST_F(ActionsTest, CommandsInTwoFoldersRunSideBySide) {
  const Gate gate{folder / "tool/gate"};
  script("up", "echo begun; read word < \"$dir/gate\"");
  actions->handle(command<protocol::ComposeUp>(new_id()));
  await("the first runs", [&] { return lines().size() == 1; });
  make_folder(folder / "wiki");
  write_file_atomic(folder / "wiki/compose.yml", "services: {}\n");
  protocol::ComposeStop stop;
  stop.target.service = "wiki";
  stop.target.files = {(folder / "wiki/compose.yml").string()};
  auto other = command<protocol::ComposeStop>(new_id());
  other.arguments = protocol::encode_arguments(stop);
  actions->handle(other);
  await_result();
  EXPECT_EQ(results[0].command_id, other.id);
  EXPECT_TRUE(results[0].succeeded) << results[0].message;
  gate.open();
  await_result(2);
}

TEST_F(ActionsTest, AQuestionForAnUnknownCommandDoesNothing) {
  auto ask = command<protocol::ComposeUp>(new_id());
  ask.adopt_only = true;
  actions->handle(ask);
  await_result();
  EXPECT_EQ(results[0].reason, "COMMAND_UNKNOWN");
  EXPECT_THAT(calls(), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(settings.data_folder / "journal" / ask.id));
}

TEST_F(ActionsTest, AQuestionForAFinishedCommandGetsItsResult) {
  auto up = command<protocol::ComposeUp>(new_id());
  actions->handle(up);
  await_result();
  up.adopt_only = true;
  await("the journal has it", [&] {
    return std::filesystem::exists(settings.data_folder / "journal" / up.id / "result.json");
  });
  end(actions);
  actions = make_actions();
  actions->handle(up);
  await_result(2);
  EXPECT_TRUE(results[1].succeeded);
}

TEST_F(ActionsTest, ACommandOfANewerControllerIsRefused) {
  auto newer = command<protocol::ComposeUp>(new_id());
  newer.name = "compose.dance";
  actions->handle(newer);
  await_result();
  EXPECT_EQ(results[0].reason, "UNKNOWN_COMMAND");
}

TEST_F(ActionsTest, AnIdThatIsNoneCannotReachTheDisk) {
  auto odd = command<protocol::ComposeUp>("../../etc");
  actions->handle(odd);
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].code, "bad_request");
}

TEST_F(ActionsTest, ArgumentsThatDoNotFitAreRefused) {
  auto odd = command<protocol::ComposeUp>(new_id());
  odd.arguments.data = "\xc1";
  actions->handle(odd);
  await_result();
  EXPECT_EQ(results[0].code, "bad_request");
  EXPECT_THAT(calls(), IsEmpty());
}

TEST_F(ActionsTest, ARebuildThatCannotPullStopsNothing) {
  write_compose_file("services: {web: {build: .}, db: {image: postgres}}\n");
  script("pull", "echo 'pull access denied for postgres' >&2; exit 1");
  actions->handle(command<protocol::ComposeRebuild>(new_id()));
  await_result();
  EXPECT_EQ(results[0].reason, "IMAGE_MISSING");
  EXPECT_THAT(calls(), ElementsAre("config -q", "build web", "pull db"));
}

TEST_F(ActionsTest, AMissingRunnerIsAnInstallationThatIsNotWhole) {
  end(actions);
  settings.runner = "/no/such/portoser-action";
  actions = make_actions();
  actions->handle(command<protocol::ComposeUp>(new_id()));
  await_result();
  EXPECT_FALSE(results[0].succeeded);
  EXPECT_THAT(results[0].message, HasSubstr("/no/such/portoser-action"));
  EXPECT_THAT(windows, ElementsAre("begin notes compose.up", "end notes failed"));
}

}  // namespace
}  // namespace portoser::agent::actions
