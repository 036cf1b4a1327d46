#include "agent/actions/compose_arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portoser::agent::actions {
namespace {

using testing::ElementsAre;

std::vector<std::string> lines(const std::vector<runner::Step>& steps) {
  std::vector<std::string> out;
  for (const auto& step : steps) {
    auto line = step.name + ":";
    for (const auto& word : step.argv) line += " " + word;
    out.push_back(line);
    EXPECT_EQ(step.folder, "/srv/notes");
    EXPECT_FALSE(step.may_fail);
  }
  return out;
}

ComposeTool one() {
  return ComposeTool{{"docker-compose"}, "1.29.2"};
}
ComposeTool two() {
  return ComposeTool{{"docker", "compose"}, "2.24.5"};
}

ComposeCall call(const std::string& service = {}, const std::string& project = {}) {
  return ComposeCall{"/srv/notes/compose.yml", project, service};
}

const std::string v1 = "docker-compose --ansi never -f /srv/notes/compose.yml ";
const std::string v2 = "docker compose --ansi never -f /srv/notes/compose.yml ";

TEST(ComposeArguments, Up) {
  EXPECT_THAT(lines(up_steps(one(), call())), ElementsAre("up: " + v1 + "up -d"));
  EXPECT_THAT(lines(up_steps(two(), call("web"))), ElementsAre("up: " + v2 + "up -d web"));
}

TEST(ComposeArguments, Stop) {
  EXPECT_THAT(lines(stop_steps(one(), call())), ElementsAre("stop: " + v1 + "stop"));
  EXPECT_THAT(lines(stop_steps(two(), call("web"))), ElementsAre("stop: " + v2 + "stop web"));
}

TEST(ComposeArguments, RestartLeavesTheDependenciesOfAServiceAlone) {
  EXPECT_THAT(lines(restart_steps(one(), call("web"))),
              ElementsAre("up: " + v1 + "up -d --force-recreate --no-deps web"));
  EXPECT_THAT(lines(restart_steps(two(), call())),
              ElementsAre("up: " + v2 + "up -d --force-recreate"));
}

TEST(ComposeArguments, RebuildMakesEverythingBeforeItRecreates) {
  RebuildNeeds needs;
  needs.build = {"web", "worker"};
  needs.pull = {"db"};
  for (const auto& [tool, start] : {std::pair{one(), v1}, std::pair{two(), v2}}) {
    EXPECT_THAT(lines(rebuild_steps(tool, call(), needs)),
                ElementsAre("config: " + start + "config -q",
                            "build: " + start + "build web worker",
                            "pull: " + start + "pull db",
                            "up: " + start + "up -d --force-recreate"));
  }
  EXPECT_THAT(lines(rebuild_steps(one(), call("web"), {})),
              ElementsAre("config: " + v1 + "config -q",
                          "up: " + v1 + "up -d --force-recreate --no-deps web"));
}

TEST(ComposeArguments, DownNeverTouchesVolumesAndOfAServiceNothingElse) {
  EXPECT_THAT(lines(down_steps(one(), call())), ElementsAre("down: " + v1 + "down"));
  EXPECT_THAT(lines(down_steps(two(), call("web"))),
              ElementsAre("stop: " + v2 + "stop web", "down: " + v2 + "rm -f web"));
}

TEST(ComposeArguments, AProjectIsNamedOnlyWhenTheRegistryNamesIt) {
  EXPECT_THAT(lines(stop_steps(one(), call("web", "books"))),
              ElementsAre("stop: " + v1 + "-p books stop web"));
}

TEST(ComposeArguments, AnOldToolGetsTheOldWordForPlainOutput) {
  auto old = one();
  old.version = "1.25.0";
  EXPECT_THAT(lines(stop_steps(old, call())),
              ElementsAre("stop: docker-compose --no-ansi -f /srv/notes/compose.yml stop"));
}

TEST(ComposeArguments, TheEnvironmentLeadsToOurEngineOnly) {
  const auto environment = compose_environment("/run/docker.sock");
  EXPECT_EQ(environment.at("DOCKER_HOST"), "unix:///run/docker.sock");
  EXPECT_THAT(compose_unset(), testing::Contains("DOCKER_CONTEXT"));
  EXPECT_THAT(compose_unset(), testing::Contains("COMPOSE_PROJECT_NAME"));
}

}  // namespace
}  // namespace portoser::agent::actions
