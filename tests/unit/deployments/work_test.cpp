// The steps forward.
#include "common/file.h"
#include "tests/unit/deployments/work_fixture.h"

#include <sys/stat.h>

namespace portoser::agent::deployments {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(WorkTest, AnotherRevisionStopsBeforeAnything) {
  ask_for_text("services: {}\n");
  write_file_atomic(file, text() + "# edited\n", 0640);
  EXPECT_EQ(reason_of("keep-before"), "STALE_REVISION");
  EXPECT_THAT(store.list_before("notes"), IsEmpty());
  EXPECT_FALSE(fs::exists(folder / "data/deployments"));
}

TEST_F(WorkTest, TheNewTextIsCheckedBesideTheFile) {
  ask_for_text("services:\r\n  web: {image: 'app:2'}\r\n");
  const auto before = text();
  write_file_atomic(folder / "tool/do-config", "exit 17\n");
  EXPECT_EQ(run("keep-before"), 0);
  EXPECT_EQ(run("check"), 17);
  EXPECT_EQ(text(), before);
  EXPECT_THAT(names(), ElementsAre(".compose.yml.portoser-" + parameters.command, "compose.yml"));
  EXPECT_EQ(read_file(candidate_of(file.string(), parameters.command)),
            "services:\r\n  web: {image: 'app:2'}\r\n");
  EXPECT_EQ(run("tidy"), 0);
  EXPECT_THAT(names(), ElementsAre("compose.yml"));
}

TEST_F(WorkTest, TheNewTextTakesThePlaceWithModeOfTheOld) {
  ask_for_text("a: 1\r\n");
  EXPECT_EQ(run("keep-before"), 0);
  EXPECT_EQ(run("install"), 0);
  EXPECT_EQ(run("install"), 0) << "again, after a kill";
  EXPECT_EQ(text(), "a: 1\r\n");
  struct stat facts {};
  ASSERT_EQ(::stat(file.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0640U);
}

TEST_F(WorkTest, AnEditWhileItPreparesIsLeftAlone) {
  ask_for_text("a: 1\n");
  EXPECT_EQ(run("keep-before"), 0);
  write_file_atomic(file, "by hand\n");
  EXPECT_EQ(reason_of("install"), "STALE_REVISION");
  EXPECT_EQ(text(), "by hand\n");
}

TEST_F(WorkTest, OnlyImagesThatAreMissingOrMadeInAnotherWayAreHad) {
  ask_for_text(
      "services:\n  web: {image: 'app:${TAG}'}\n  db: {image: 'base:1'}\n  app: {build: .}\n");
  write_file_atomic(folder / "tool/do-config",
                    "echo \"services:\"; echo \"  web: {image: 'app:2'}\"; echo \"  db: {image: "
                    "'base:1'}\"; echo \"  app: {build: {context: .}}\"\n");
  EXPECT_EQ(run("keep-before"), 0);
  EXPECT_EQ(run("images"), 0);
  EXPECT_THAT(calls(), ElementsAre("config", "pull web", "build app"));
}

TEST_F(WorkTest, ContainersOfServicesThatAreGoneAreRemovedAndNoOthers) {
  add("w", "web", "sha256:a1");
  add("d", "db", "sha256:b1");
  add("x", "other", "sha256:b1").labels["com.docker.compose.project.config_files"] =
      file.string() + "," + (folder / "notes/more.yml").string();
  add("y", "another", "sha256:b1").labels["com.docker.compose.project.config_files"] =
      (folder / "notes/second.yml").string();
  add("z", "unknown", "sha256:b1");
  ask_for_text("services: {web: {image: 'app:1'}}\n");
  EXPECT_EQ(run("keep-before"), 0);
  EXPECT_EQ(run("stop-gone"), 0);
  ASSERT_EQ(engine.list.size(), 5U) << "only stopped: the new text may not hold";
  for (const auto& container : engine.list) {
    EXPECT_EQ(container.state == "exited", container.id == "d") << container.id;
  }
  EXPECT_EQ(run("remove-gone"), 0);
  std::vector<std::string> ids;
  for (const auto& container : engine.list) ids.push_back(container.id);
  EXPECT_THAT(ids, ElementsAre("w", "x", "y", "z"));
}

TEST_F(WorkTest, OneServiceOfAProjectRemovesNothingOfTheOthers) {
  add("d", "db", "sha256:b1");
  parameters.compose_service = "web";
  ask_for_text("services: {web: {image: 'app:1'}}\n");
  EXPECT_EQ(run("keep-before"), 0);
  EXPECT_EQ(run("stop-gone"), 0);
  EXPECT_EQ(run("remove-gone"), 0);
  ASSERT_EQ(engine.list.size(), 1U);
  EXPECT_EQ(engine.list[0].state, "running");
}

TEST_F(WorkTest, HealthComesOrItIsSaidWhichContainerHasNone) {
  EXPECT_EQ(run("keep-before"), 0);
  add("w", "web", "sha256:a1").health = "starting";
  EXPECT_EQ(reason_of("health"), "HEALTH_NOT_BACK");
  engine.list[0].health = "unhealthy";
  EXPECT_EQ(reason_of("health"), "HEALTH_NOT_BACK");
  engine.list[0].health = "healthy";
  EXPECT_EQ(run("health"), 0);
  engine.list[0].state = "exited";
  engine.list[0].exit_code = 3;
  EXPECT_EQ(reason_of("health"), "CONTAINER_EXITED");
}

TEST_F(WorkTest, OnlyAnActivationAsksItsProbe) {
  add("w", "web", "sha256:a1");
  EXPECT_EQ(run("keep-before"), 0);
  parameters.probe.type = "tcp";
  EXPECT_EQ(run("health"), 0);
}

TEST_F(WorkTest, WhatWasNotWellBeforeAndIsNotTouchedFailsNothing) {
  add("w", "web", "sha256:a1").health = "unhealthy";
  EXPECT_EQ(run("keep-before"), 0);
  EXPECT_EQ(run("health"), 0);
}

TEST_F(WorkTest, WhatHadEndedBeforeFailsNothingUntilItIsStarted) {
  add("w", "web", "sha256:a1");
  auto& orphan = add("o", "old", "sha256:b1");
  orphan.state = "exited";
  orphan.exit_code = 137;
  EXPECT_EQ(run("keep-before"), 0);
  EXPECT_EQ(run("health"), 0);
  EXPECT_EQ(run("undo-health"), 0);
  engine.list[1].started_us += 5;
  EXPECT_EQ(reason_of("health"), "CONTAINER_EXITED");
}

TEST_F(WorkTest, AnImageThatIsGoneHoldsNothingUp) {
  add("w", "web", "sha256:a1");
  add("d", "db", "sha256:gone").state = "exited";
  EXPECT_EQ(run("keep-before"), 0);
  const auto before = store.find_before("notes", parameters.command).value();
  EXPECT_EQ(before.containers.size(), 2U);
  EXPECT_EQ(before.images.size(), 1U);
  keep_as(deployment_id(1));
  EXPECT_EQ(store.find("notes", deployment_id(1))->images.size(), 1U);
}

TEST_F(WorkTest, WhatWasKeptElsewhereIsNotBroughtBackHere) {
  add("w", "web", "sha256:a1");
  parameters.project = "notes";
  keep_as(deployment_id(1));
  parameters.action = "restore";
  parameters.restore = deployment_id(1);
  parameters.project.clear();
  EXPECT_EQ(run("keep-before"), 0) << "compose calls it so by itself";
  parameters.project = "other";
  EXPECT_EQ(reason_of("keep-before"), "DEPLOYMENT_ELSEWHERE");
  parameters.project = "notes";
  parameters.compose_service = "web";
  EXPECT_EQ(reason_of("keep-before"), "DEPLOYMENT_ELSEWHERE");
  parameters.compose_service.clear();
  write_file_atomic(folder / "notes/second.yml", text());
  parameters.file = (folder / "notes/second.yml").string();
  EXPECT_EQ(reason_of("keep-before"), "DEPLOYMENT_ELSEWHERE");
}

TEST_F(WorkTest, TheNewestTwentyAreKeptWithTheirImages) {
  add("w", "web", "sha256:a1");
  add("d", "db", "sha256:b1");
  for (int i = 1; i <= 22; ++i) keep_as(deployment_id(i));
  const auto list = store.list("notes");
  ASSERT_EQ(list.size(), 20U);
  EXPECT_EQ(list.front().id, deployment_id(22));
  EXPECT_EQ(list.back().id, deployment_id(3));
  EXPECT_EQ(engine.images.count("portoser-kept/notes-web:" + deployment_id(2)), 0U);
  EXPECT_EQ(engine.images["portoser-kept/notes-web:" + deployment_id(3)], "sha256:a1");
  EXPECT_EQ(engine.images["portoser-kept/notes-db:" + deployment_id(22)], "sha256:b1");
}

TEST_F(WorkTest, AKeptDeploymentCountsOnlyWithItsImages) {
  add("w", "web", "sha256:gone");
  parameters.deployment = deployment_id(1);
  EXPECT_EQ(reason_of("keep"), "NOT_FOUND");
  EXPECT_THAT(store.list("notes"), IsEmpty());
}

TEST_F(WorkTest, ARestoreBringsBackTextEnvironmentAndImages) {
  write_file_atomic(folder / "notes/.env", "A=1\n", 0600);
  write_file_atomic(file, "services: {web: {image: 'app:1', env_file: web.env}}\n", 0640);
  write_file_atomic(folder / "notes/web.env", "B=1\n", 0640);
  add("w", "web", "sha256:a1");
  keep_as(deployment_id(1));
  const auto then = text();
  write_file_atomic(file, "services: {web: {image: 'app:1', env_file: more.env}}\n", 0640);
  fs::remove(folder / "notes/.env");
  write_file_atomic(folder / "notes/web.env", "B=2\n", 0600);
  engine.images["app:1"] = "sha256:a2";
  replace("w", "w2", "sha256:a2");

  parameters.action = "restore";
  parameters.restore = deployment_id(1);
  EXPECT_EQ(run("keep-before"), 0);
  EXPECT_EQ(run("check-kept"), 0);
  EXPECT_EQ(run("install"), 0);
  EXPECT_EQ(run("install"), 0) << "again, after a kill";
  EXPECT_EQ(text(), then);
  EXPECT_EQ(read_file(folder / "notes/.env"), "A=1\n");
  EXPECT_EQ(read_file(folder / "notes/web.env"), "B=1\n");
  struct stat facts {};
  ASSERT_EQ(::stat((folder / "notes/web.env").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0640U);
  EXPECT_EQ(engine.images["app:1"], "sha256:a1");
  EXPECT_EQ(run("up-kept"), 0);
  EXPECT_THAT(calls(), ElementsAre("up -d --no-build --force-recreate"));

  EXPECT_EQ(run("undo"), 0);
  EXPECT_EQ(text(), "services: {web: {image: 'app:1', env_file: more.env}}\n");
  EXPECT_FALSE(fs::exists(folder / "notes/.env"));
  EXPECT_EQ(read_file(folder / "notes/web.env"), "B=2\n");
  EXPECT_EQ(engine.images["app:1"], "sha256:a2");
}

TEST_F(WorkTest, WhatIsNotThereAnyMoreIsSaidBeforeAnything) {
  add("w", "web", "sha256:a1");
  keep_as(deployment_id(1));
  parameters.action = "restore";
  parameters.restore = deployment_id(2);
  EXPECT_EQ(reason_of("keep-before"), "DEPLOYMENT_NOT_KEPT");
  parameters.restore = deployment_id(1);
  EXPECT_EQ(run("keep-before"), 0);
  EXPECT_EQ(run("check-kept"), 0);
  engine.images.erase("sha256:a1");
  EXPECT_EQ(reason_of("check-kept"), "IMAGE_GONE");
}

TEST_F(WorkTest, ARestoreStartsWhatRanAndNothingElse) {
  add("w", "web", "sha256:a1");
  keep_as(deployment_id(1));
  parameters.action = "restore";
  parameters.restore = deployment_id(1);
  parameters.is_v2 = true;
  EXPECT_EQ(run("up-kept"), 0);
  EXPECT_THAT(calls(), ElementsAre("up -d --no-build --pull never --force-recreate --no-deps web"));
}

TEST_F(WorkTest, WhatRanBeforeTheLastThreeCommandsStays) {
  for (const auto* id : {"1", "2", "3", "4"}) {
    parameters.command = std::string{"01ARZ3NDEKTSV4RRFFQ69G5FA"} + id;
    add(id, "web", "sha256:a1");
    EXPECT_EQ(run("keep-before"), 0);
    EXPECT_EQ(run("tidy"), 0);
  }
  EXPECT_EQ(store.list_before("notes").size(), 3U);
  EXPECT_FALSE(store.find_before("notes", "01ARZ3NDEKTSV4RRFFQ69G5FA1"));
  EXPECT_EQ(engine.images.count("portoser-kept/notes-web:before-01ARZ3NDEKTSV4RRFFQ69G5FA1"), 0U);
  EXPECT_EQ(engine.images.count("portoser-kept/notes-web:before-01ARZ3NDEKTSV4RRFFQ69G5FA2"), 1U);
}

TEST_F(WorkTest, AnEnvironmentFileThatIsNowhereElseOutlivesTheNextCommands) {
  add("w", "web", "sha256:a1");
  keep_as(deployment_id(1));
  const auto first = parameters.command;
  write_file_atomic(folder / "notes/.env", "PASSWORD=x\n", 0600);
  parameters.action = "restore";
  parameters.restore = deployment_id(1);
  EXPECT_EQ(run("keep-before"), 0);
  testing::internal::CaptureStdout();
  EXPECT_EQ(run("install"), 0);
  const auto copy = store.folder_of("notes") / first / "env-0";
  EXPECT_THAT(testing::internal::GetCapturedStdout(), testing::HasSubstr(copy.string()));
  EXPECT_FALSE(fs::exists(folder / "notes/.env"));
  EXPECT_EQ(run("tidy"), 0);
  parameters.action = "up";
  parameters.restore.clear();
  for (int i = 0; i < 5; ++i) {
    parameters.command = "01ARZ3NDEKTSV4RRFFQ69G5FB" + std::to_string(i);
    EXPECT_EQ(run("keep-before"), 0);
    EXPECT_EQ(run("tidy"), 0);
  }
  EXPECT_EQ(read_file(copy), "PASSWORD=x\n");
  EXPECT_EQ(store.list_before("notes").size(), 4U);
  EXPECT_EQ(engine.images.count("portoser-kept/notes-web:before-" + first), 0U);
}

TEST_F(WorkTest, OfTextsThatAreNowhereElseTheNewestTwentyStay) {
  for (int i = 10; i < 40; ++i) {
    parameters.command = "01ARZ3NDEKTSV4RRFFQ69G5F" + std::to_string(i);
    parameters.action = "write";
    ask_for_text("services: {web: {image: 'app:" + std::to_string(i) + "'}}\n");
    EXPECT_EQ(run("keep-before"), 0);
    EXPECT_EQ(run("install"), 0);
    EXPECT_EQ(run("tidy"), 0);
  }
  EXPECT_EQ(store.list_before("notes").size(), most_before + most_displaced);
  EXPECT_FALSE(store.find_before("notes", "01ARZ3NDEKTSV4RRFFQ69G5F16"));
  EXPECT_TRUE(store.find_before("notes", "01ARZ3NDEKTSV4RRFFQ69G5F17"));
}

}  // namespace
}  // namespace portoser::agent::deployments
