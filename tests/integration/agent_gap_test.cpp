// What happens to a service while its agent is dead is told by the next agent, once.
#include "common/file.h"
#include "tests/integration/portoser.h"
#include "tests/support/await.h"
#include "tests/support/compose_project.h"
#include "tests/support/engine.h"
#include "tests/support/images.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <ranges>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

class AgentGap : public testing::Test {
 protected:
  AgentGap() {
    load_images(engine_);
    // Of the test before: compose would take it over with the labels of that folder.
    for (const auto& old : engine_.docker({"ps", "-aq"}) | std::views::split('\n')) {
      const std::string id{old.begin(), old.end()};
      if (!id.empty()) engine_.docker({"rm", "-f", id});
    }
    controller_.write_registry(fmt::format(
        "hosts:\n  brick: {{ip: 127.0.0.1}}\nservices:\n  notes: {{current_host: brick, "
        "docker_compose: {}}}\n",
        project_.file().string()));
    controller_.start();
    agent_.join(controller_.create_token());
    agent_.start();
    controller_.await_machine("brick", "online");
    const auto answer = controller_.post("/api/services/notes/start");
    EXPECT_EQ(answer.status, 200U) << answer.text;
    controller_.await_service("notes", "running");
    container_ = engine_.docker({"ps", "-q", "--no-trunc"});
    while (!container_.empty() && container_.back() == '\n') container_.pop_back();
    agent_.await_noted(container_, "running");
    await_event("start");
    begin_ = events().back()["id"].get<std::int64_t>();
  }

  /// As a crash: the engine was not asked.
  void crash_container() const {
    const auto pid =
        std::stoi(engine_.docker({"inspect", "--format", "{{.State.Pid}}", container_}));
    ASSERT_GT(pid, 1) << "0 and 1 would kill ourselves";
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
    engine_.docker({"wait", container_});
  }

  /// The stored events of the service since the test began, oldest first.
  [[nodiscard]] std::vector<Json> events() const { return controller_.events_of("notes", begin_); }
  [[nodiscard]] std::vector<std::string> types() const { return types_of(events()); }
  void await_event(const std::string& type) const {
    await_until(
        "there is a " + type,
        30s,
        [&] { return !types().empty() && types().back() == type; },
        [&] { return fmt::format("{}\n{}", fmt::join(types(), ", "), agent_.log_tail()); });
  }
  /// Whatever the agent had to say before this arrived before it.
  void start_by_hand() const { engine_.docker({"start", container_}); }

  TempFolder folder_{"agent-gap"};
  const PrivateEngine& engine_ = PrivateEngine::shared();
  ComposeProject project_{
      folder_ / "notes",
      {{.name = "web", .image = busybox_image, .command = {"sleep", "100000"}, .restart = ""}}};
  ControllerProcess controller_{folder_.path()};
  AgentProcess agent_{folder_.path(), "brick", engine_.socket()};
  std::string container_;
  std::int64_t begin_ = 0;
};

TEST_F(AgentGap, AContainerThatDiesMeanwhileIsOneFailure) {
  agent_.kill();
  crash_container();
  agent_.start();
  controller_.await_service("notes", "stopped");
  await_event("failure");
  start_by_hand();
  await_event("recovery");
  EXPECT_THAT(types(), ElementsAre("failure", "recovery"));
}

TEST_F(AgentGap, DownAndUpMeanwhileIsAFailureAndARecovery) {
  agent_.kill();
  crash_container();
  start_by_hand();
  agent_.start();
  await_event("recovery");
  EXPECT_THAT(types(), ElementsAre("failure", "recovery"));
}

TEST_F(AgentGap, AnAgentThatIsStoppedInPeaceLeavesNothingUntold) {
  agent_.stop();
  crash_container();
  start_by_hand();
  crash_container();
  agent_.start();
  controller_.await_service("notes", "stopped");
  await_event("failure");
  EXPECT_THAT(types(), ElementsAre("failure", "recovery", "failure"));
}

TEST_F(AgentGap, WhatWasToldAndNotYetNotedIsNotToldAgain) {
  SocketClient uptime{controller_.port(), "/api/uptime/ws"};
  crash_container();
  frames_until(uptime, [](const Json& frame) { return frame["type"] == "uptime_event"; });
  agent_.kill();
  agent_.start();
  controller_.await_service("notes", "stopped");
  start_by_hand();
  await_event("recovery");
  EXPECT_THAT(types(), ElementsAre("failure", "recovery"));
}

TEST_F(AgentGap, ARestartThatGoesOnMeanwhileIsOneRestartOfItsJob) {
  const auto answer =
      controller_.post("/api/services/notes/restart", "", {{"Prefer", "respond-async"}});
  ASSERT_EQ(answer.status, 202U) << answer.text;
  const auto id = answer.body["job_id"].get<std::string>();
  await_until("the job writes", 60s, [&] { return controller_.job_writes(id); });
  agent_.kill();
  agent_.start();
  await_until("the job has its outcome", 90s, [&] {
    return controller_.get("/api/jobs/" + id).body["state"] == "succeeded";
  });
  await_event("restart");
  EXPECT_THAT(types(), ElementsAre("restart"));
  EXPECT_EQ(events().back()["event"]["metadata"]["job_id"], id);
}

TEST_F(AgentGap, AFileThatIsNoCheckpointCostsOnlyWhatItKnew) {
  agent_.stop();
  write_file_atomic(folder_ / "brick" / "services.json", "{\"version\":", 0600);
  agent_.start();
  controller_.await_service("notes", "running");
  crash_container();
  await_event("failure");
  EXPECT_THAT(types(), ElementsAre("failure"));
}

}  // namespace
}  // namespace portoser::test
