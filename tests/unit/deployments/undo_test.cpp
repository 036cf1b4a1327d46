// The steps back.
#include "common/file.h"
#include "tests/unit/deployments/work_fixture.h"

namespace portoser::agent::deployments {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

class Undo : public WorkTest {
 protected:
  Undo() {
    add("w", "web", "sha256:a1");
    add("d", "db", "sha256:b1");
  }
};

TEST_F(Undo, OfWhatTouchedNothingIsNoUndo) {
  EXPECT_EQ(run("keep-before"), 0);
  EXPECT_EQ(run("undo"), nothing_to_undo);
}

TEST_F(Undo, GivesImagesTheirNamesBackThoughNothingWasStopped) {
  parameters.action = "rebuild";
  EXPECT_EQ(run("keep-before"), 0);
  engine.images["app:1"] = "sha256:a2";  // built, and then something failed
  EXPECT_EQ(run("undo"), nothing_to_undo);
  EXPECT_EQ(engine.images["app:1"], "sha256:a1");
}

TEST_F(Undo, AnImageThatSomebodyBuiltBeforeKeepsItsName) {
  engine.images["app:1"] = "sha256:a2";  // and "w" still runs from a1
  for (const auto* action : {"up", "rebuild"}) {
    parameters.action = action;
    EXPECT_EQ(run("keep-before"), 0);
    EXPECT_EQ(run("undo"), nothing_to_undo);
    EXPECT_EQ(engine.images["app:1"], "sha256:a2") << action;
  }
}

TEST_F(Undo, ANameIsBorrowedOnlyWhileItMakesWhatRan) {
  EXPECT_EQ(run("keep-before"), 0);
  engine.images["app:1"] = "sha256:a2";  // by hand, meanwhile: a plain `up` builds no image anew
  replace("w", "w2", "sha256:a2");
  std::vector<std::string> meant;
  engine.on_tag = [&](const std::string& name) {
    meant.push_back(name + "=" + engine.images[name]);
  };
  EXPECT_EQ(run("undo"), 0);
  EXPECT_EQ(run("undo-up"), 0);
  EXPECT_THAT(meant, ElementsAre("app:1=sha256:a1", "app:1=sha256:a2"));
  EXPECT_EQ(engine.images["app:1"], "sha256:a2");
}

TEST_F(Undo, OfAWrittenFileNeedsNoEngineAndNamesNoImages) {
  const auto before = text();
  ask_for_text("services: [\n");
  parameters.action = "write";
  EXPECT_EQ(run("keep-before"), 0);
  engine.images["app:1"] = "sha256:a2";
  engine.away = 1'000'000;
  EXPECT_EQ(run("undo"), nothing_to_undo) << "refused by the check";
  EXPECT_EQ(run("install"), 0);
  EXPECT_EQ(run("undo"), 0);
  EXPECT_EQ(text(), before);
  EXPECT_EQ(engine.images["app:1"], "sha256:a2");
}

TEST_F(Undo, StartsTheVeryContainersThatTheNewTextDoesNotHave) {
  ask_for_text("services: {web: {image: 'app:1'}}\n");
  EXPECT_EQ(run("keep-before"), 0);
  EXPECT_EQ(run("install"), 0);
  EXPECT_EQ(run("stop-gone"), 0);
  EXPECT_EQ(run("stop-gone"), 0) << "again, after a kill";
  ASSERT_EQ(engine.list.size(), 2U);
  EXPECT_EQ(engine.list[1].state, "exited");
  EXPECT_EQ(engine.list[1].name, "d_notes_db_1") << "its name may be another's now";
  EXPECT_EQ(run("health"), 0) << "it was stopped by us";
  engine.busy_starts = 1;  // until "web" is made anew
  replace("w", "w2", "sha256:a1");
  EXPECT_EQ(run("undo"), 0);
  EXPECT_EQ(run("undo-up"), 0);
  EXPECT_THAT(calls(), ElementsAre("up -d --no-build --no-deps --force-recreate web"));
  EXPECT_EQ(engine.list[1].id, "d");
  EXPECT_EQ(engine.list[1].name, "notes_db_1");
  EXPECT_EQ(engine.list[1].state, "running");
  EXPECT_EQ(run("undo-health"), 0);
}

TEST_F(Undo, LeavesAnOrphanThatTheNewTextStartedWhereItWas) {
  auto& orphan = add("o", "cache", "sha256:b1");
  orphan.state = "exited";
  ask_for_text(text() + "  cache: {image: 'base:1'}\n");
  EXPECT_EQ(run("keep-before"), 0);
  EXPECT_EQ(run("install"), 0);
  engine.start_container("o");
  EXPECT_EQ(run("undo"), 0);
  EXPECT_EQ(run("undo-up"), 0);
  ASSERT_EQ(engine.list.size(), 3U);
  EXPECT_EQ(engine.list[2].state, "exited");
  EXPECT_THAT(calls(), IsEmpty());
}

TEST_F(Undo, SaysThatAContainerWhoseImageWasGoneCannotComeBack) {
  engine.images.erase("sha256:b1");
  engine.list[1].state = "exited";
  EXPECT_EQ(run("keep-before"), 0);
  EXPECT_EQ(engine.images.count("portoser-kept/notes-web:before-" + parameters.command), 1U);
  replace("d", "d2", "sha256:b2");
  EXPECT_EQ(run("undo"), 0);
  testing::internal::CaptureStdout();
  EXPECT_EQ(run("undo-up"), 0);
  EXPECT_THAT(testing::internal::GetCapturedStdout(),
              testing::HasSubstr("notes_db_1 cannot be brought back"));
}

TEST_F(Undo, PutsTheTextBackAndMakesWhatWasReplaced) {
  const auto before = text();
  ask_for_text("services: {web: {image: 'app:2'}, db: {image: 'base:1'}}\n");
  EXPECT_EQ(run("keep-before"), 0);
  EXPECT_EQ(run("install"), 0);
  replace("w", "w2", "sha256:a2");
  EXPECT_EQ(run("undo"), 0);
  EXPECT_EQ(run("undo"), 0) << "again, after a kill";
  EXPECT_EQ(text(), before);
  EXPECT_EQ(run("undo-up"), 0);
  EXPECT_THAT(calls(), ElementsAre("up -d --no-build --no-deps --force-recreate web"));
  EXPECT_EQ(reason_of("undo-health"), "INTERNAL") << "it is not of the image it had before";
  replace("w2", "w3", "sha256:a1");
  EXPECT_EQ(run("undo-health"), 0);
}

TEST_F(Undo, StartsWhatIsOnlyStopped) {
  EXPECT_EQ(run("keep-before"), 0);
  engine.list[1].state = "exited";
  replace("w", "w2", "sha256:a2");
  EXPECT_EQ(run("undo"), 0);
  EXPECT_EQ(run("undo-up"), 0);
  EXPECT_THAT(calls(),
              ElementsAre("up -d --no-build --no-deps db",
                          "up -d --no-build --no-deps --force-recreate web"));
}

TEST_F(Undo, StopsWhatDidNotRun) {
  engine.list[0].state = "exited";
  EXPECT_EQ(run("keep-before"), 0);
  engine.list[0].state = "running";
  engine.list[0].started_us = clock_us;
  EXPECT_EQ(run("undo"), 0);
  EXPECT_EQ(run("undo-up"), 0);
  EXPECT_THAT(calls(), ElementsAre("stop web"));
  EXPECT_EQ(run("undo-health"), 0);
}

TEST_F(Undo, DoesNotWaitForWhatIsNotWell) {
  EXPECT_EQ(run("keep-before"), 0);
  replace("w", "w2", "sha256:a2");
  replace("d", "d2", "sha256:b1");
  for (const auto* health : {"unhealthy", "starting"}) {
    engine.list[0].state = "running";
    engine.list[0].health = health;
    engine.list[1].health = "healthy";  // it may have something to finish
    engine.stops.clear();
    EXPECT_EQ(run("undo"), 0);
    EXPECT_EQ(run("undo-up"), 0);
    EXPECT_THAT(engine.stops, ElementsAre("w2 in 1 s")) << health;
  }
  engine.list[0].state = "restarting";
  engine.list[0].health.clear();
  engine.stops.clear();
  EXPECT_EQ(run("undo-up"), 0);
  EXPECT_THAT(engine.stops, ElementsAre("w2 in 1 s"));
}

TEST_F(Undo, GivesItsOwnTimeToWhatHasOnlyBegun) {
  EXPECT_EQ(run("keep-before"), 0);
  replace("w", "w2", "sha256:a2");
  engine.list[0].state = "running";
  engine.list[0].health = "starting";
  engine.check_output.clear();
  EXPECT_EQ(run("undo"), 0);
  EXPECT_EQ(run("undo-up"), 0);
  EXPECT_THAT(engine.stops, IsEmpty()) << "no check of it has failed";
}

TEST_F(Undo, LeavesWhatWasNotWellBeforeToCompose) {
  engine.list[0].health = "unhealthy";
  add("x", "web", "sha256:a1");
  EXPECT_EQ(run("keep-before"), 0);
  replace("x", "x2", "sha256:a2");
  EXPECT_EQ(run("undo"), 0);
  EXPECT_EQ(run("undo-up"), 0);
  EXPECT_THAT(calls(), ElementsAre("up -d --no-build --no-deps --force-recreate web"));
  EXPECT_THAT(engine.stops, IsEmpty()) << "it is the one that ran";
}

TEST_F(Undo, RemovesWhatTheNewTextBrought) {
  ask_for_text(text() + "  cache: {image: 'base:1'}\n");
  EXPECT_EQ(run("keep-before"), 0);
  EXPECT_EQ(run("install"), 0);
  add("c", "cache", "sha256:b1");
  EXPECT_EQ(run("undo"), 0);
  EXPECT_EQ(run("undo-up"), 0);
  EXPECT_EQ(engine.list.size(), 2U);
  EXPECT_THAT(calls(), IsEmpty());
}

TEST_F(Undo, KeepsAnEditThatCameInBetween) {
  const auto before = text();
  ask_for_text("services: {web: {image: 'app:2'}}\n");
  EXPECT_EQ(run("keep-before"), 0);
  EXPECT_EQ(run("install"), 0);
  write_file_atomic(file, "by hand\n");
  EXPECT_EQ(run("undo"), 0);
  EXPECT_EQ(text(), before);
  EXPECT_EQ(read_file(store.folder_of("notes") / parameters.command / "edited.yml"), "by hand\n");
}

TEST_F(Undo, AfterAnEditByHandGoesBackToTheTextThatRan) {
  const auto ran = text();
  keep_as(deployment_id(1));
  write_file_atomic(file, "services: {web: {image: 'app:2'}, db: {image: 'base:1'}}\n", 0640);
  EXPECT_EQ(run("keep-before"), 0);
  replace("w", "w2", "sha256:a2");
  EXPECT_EQ(run("undo"), 0);
  EXPECT_EQ(text(), ran);
  EXPECT_EQ(read_file(store.folder_of("notes") / parameters.command / "compose.yml"),
            "services: {web: {image: 'app:2'}, db: {image: 'base:1'}}\n");
  EXPECT_TRUE(store.is_marked(store.find_before("notes", parameters.command).value(),
                              KeptDeployments::Mark::displaced));
  EXPECT_EQ(run("undo"), 0) << "again, after a kill";
  EXPECT_EQ(text(), ran);
}

TEST_F(Undo, AnEditByHandThatStoppedNothingStays) {
  keep_as(deployment_id(1));
  write_file_atomic(file, "services: [\n", 0640);
  EXPECT_EQ(run("keep-before"), 0);
  EXPECT_EQ(run("undo"), nothing_to_undo);
  EXPECT_EQ(text(), "services: [\n");
}

TEST_F(Undo, WaitsForAnEngineThatIsNotUpYet) {
  EXPECT_EQ(run("keep-before"), 0);
  engine.away = 3;
  EXPECT_EQ(run("undo"), nothing_to_undo);
  engine.away = 1'000'000;
  EXPECT_EQ(reason_of("undo"), "ENGINE_UNAVAILABLE");
}

TEST_F(Undo, WhatWasHealthyHasToBeSoAgain) {
  engine.list[0].health = "healthy";
  EXPECT_EQ(run("keep-before"), 0);
  engine.list[0].health = "starting";
  EXPECT_EQ(reason_of("undo-health"), "INTERNAL");
  int looks = 0;
  engine.before_look = [&] {
    if (++looks == 3) engine.list[0].health = "healthy";
  };
  EXPECT_EQ(run("undo-health"), 0);
}

TEST_F(Undo, WhatWasNotWellHasOnlyToBeThere) {
  engine.list[0].health = "unhealthy";
  EXPECT_EQ(run("keep-before"), 0);
  EXPECT_EQ(run("undo-health"), 0);
}

}  // namespace
}  // namespace portoser::agent::deployments
