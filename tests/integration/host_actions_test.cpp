// Everything on a host, stopped, started and restarted in the order of its dependencies: real
// processes and a real engine.

#include "tests/integration/portoser.h"
#include "tests/support/compose_project.h"
#include "tests/support/engine.h"
#include "tests/support/images.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace portoser::test {
namespace {

using testing::ElementsAre;

class WholeHost : public testing::Test {
 protected:
  WholeHost() : folder_("whole-host"), controller_(folder_.path()) {
    load_images(PrivateEngine::shared());
    for (const auto* name : {"front", "back"}) {
      ComposeService service;
      service.name = "web";
      projects_.emplace_back(folder_ / name, std::vector{service});
    }
    write_registry();
    controller_.start();
    agent_ =
        std::make_unique<AgentProcess>(folder_.path(), "brick", PrivateEngine::shared().socket());
    agent_->join(controller_.create_token());
    agent_->start();
    controller_.await_machine("brick", "online");
  }
  ~WholeHost() override {
    // Of the next test they are none: its projects have the same names and lie in another folder.
    for (const auto* name : {"front_web_1", "back_web_1"}) {
      PrivateEngine::shared().docker({"rm", "-f", name});
    }
  }

  void write_registry() {
    controller_.write_registry(
        fmt::format("hosts:\n  brick: {{ip: 127.0.0.1}}\nservices:\n"
                    "  front: {{current_host: brick, docker_compose: {}, dependencies: [back]}}\n"
                    "  back: {{current_host: brick, docker_compose: {}}}\n",
                    projects_[0].file().string(),
                    projects_[1].file().string()));
  }
  ApiAnswer act(const std::string& action) {
    return controller_.post("/api/machines/brick/" + action);
  }
  static std::vector<std::string> services_of(const Json& results) {
    std::vector<std::string> names;
    for (const auto& result : results) names.push_back(result["service"]);
    return names;
  }
  static std::string moment(const std::string& project, const std::string& field) {
    return PrivateEngine::shared().docker(
        {"inspect", "--format", "{{.State." + field + "}}", project + "_web_1"});
  }

  TempFolder folder_;
  ControllerProcess controller_;
  std::vector<ComposeProject> projects_;
  std::unique_ptr<AgentProcess> agent_;
};

TEST_F(WholeHost, StartsStopsAndRestartsInOrder) {
  SocketClient socket{controller_.port(), "/ws"};
  const auto started = act("start");
  ASSERT_EQ(started.status, 200U) << started.text << controller_.log_tail();
  EXPECT_EQ(started.body["success"], true);
  EXPECT_THAT(services_of(started.body["results"]), ElementsAre("back", "front"));
  controller_.await_service("front", "running");
  controller_.await_service("back", "running");
  EXPECT_LT(moment("back", "StartedAt"), moment("front", "StartedAt"));

  // One end for the UI, when all is over.
  const auto frames = frames_until(
      socket, [](const Json& frame) { return frame["type"] == "deployment_completed"; });
  const auto ends = std::count_if(frames.begin(), frames.end(), [](const Json& frame) {
    return frame["type"] == "deployment_completed";
  });
  EXPECT_EQ(ends, 1);
  EXPECT_EQ(frames.back()["results"].size(), 2U);
  const auto machine = std::find_if(frames.begin(), frames.end(), [](const Json& frame) {
    return frame["type"] == "machine_start";
  });
  ASSERT_NE(machine, frames.end());
  EXPECT_EQ((*machine)["machine"], "brick");
  EXPECT_EQ((*machine)["success"], true);

  const auto before = moment("back", "StartedAt");
  const auto restarted = act("restart");
  ASSERT_EQ(restarted.status, 200U) << restarted.text;
  EXPECT_LT(before, moment("back", "StartedAt"));
  EXPECT_LT(moment("back", "StartedAt"), moment("front", "StartedAt"));

  const auto stopped = act("stop");
  ASSERT_EQ(stopped.status, 200U) << stopped.text;
  EXPECT_THAT(services_of(stopped.body["results"]), ElementsAre("front", "back"));
  controller_.await_service("front", "stopped");
  controller_.await_service("back", "stopped");
  EXPECT_LT(moment("front", "FinishedAt"), moment("back", "FinishedAt"));
}

TEST_F(WholeHost, MovesToWhereTheServicesAreRestartThemInOrderAsOneDeployment) {
  ASSERT_EQ(act("start").status, 200U);
  controller_.await_service("front", "running");
  controller_.await_service("back", "running");
  const std::string moves =
      R"({"moves":[{"service_name":"front","from_machine":"brick","to_machine":"brick"},)"
      R"({"service_name":"back","to_machine":"brick"}]})";
  const auto before = moment("back", "StartedAt");
  const auto plan = controller_.post("/api/deployment/plan", moves);
  ASSERT_EQ(plan.status, 200U) << plan.text;
  EXPECT_EQ(plan.body["ok"], true) << plan.text;
  EXPECT_EQ(plan.body["plan"][0]["service"], "back");
  EXPECT_EQ(moment("back", "StartedAt"), before);

  SocketClient socket{controller_.port(), "/ws"};
  const auto done = controller_.post("/api/deployment/execute", moves);
  ASSERT_EQ(done.status, 200U) << done.text << controller_.log_tail();
  EXPECT_THAT(services_of(done.body["results"]), ElementsAre("back", "front"));
  EXPECT_LT(before, moment("back", "StartedAt"));
  EXPECT_LT(moment("back", "StartedAt"), moment("front", "StartedAt"));
  const auto frames = frames_until(
      socket, [](const Json& frame) { return frame["type"] == "deployment_completed"; });
  const auto number_of = [&](const std::string& type) {
    return std::count_if(
        frames.begin(), frames.end(), [&](const Json& frame) { return frame["type"] == type; });
  };
  EXPECT_EQ(number_of("deployment_started"), 1);
  EXPECT_EQ(frames.back()["results"].size(), 2U);
  const auto record =
      controller_.get("/api/history/deployments/" + done.body["deployment_id"].get<std::string>());
  EXPECT_EQ(record.body["service"], "back") << record.text;

  // One of two cannot be done: the other is not touched.
  projects_[1].write("services: [this is no compose file]\n");
  const auto started = moment("front", "StartedAt");
  const auto refused = controller_.post("/api/deployment/execute", moves);
  EXPECT_EQ(refused.status, 422U) << refused.text;
  EXPECT_EQ(moment("front", "StartedAt"), started);
  EXPECT_EQ(controller_.get("/api/deployment/state").status, 200U);
}

TEST_F(WholeHost, SaysWhichServiceFailedAndBeginsNoneThatNeedsIt) {
  projects_[1].write("services: [this is no compose file]\n");
  const auto failed = act("start");
  EXPECT_EQ(failed.status, 502U) << failed.text;
  EXPECT_EQ(failed.body["reason"], "SERVICES_FAILED");
  const auto job = controller_.get(
      "/api/jobs/" + failed.body["error"]["details"][0]["message"].get<std::string>());
  ASSERT_EQ(job.status, 200U) << failed.text;
  EXPECT_EQ(job.body["state"], "failed");
  EXPECT_EQ(job.body["targets"][0], "brick");
  ASSERT_EQ(job.body["results"].size(), 2U);
  EXPECT_EQ(job.body["results"][0]["service"], "back");
  EXPECT_EQ(job.body["results"][0]["success"], false);
  EXPECT_EQ(job.body["results"][1]["error"], "not begun: it needs \"back\", which failed");
  const auto part =
      controller_.get("/api/jobs/" + job.body["results"][0]["job_id"].get<std::string>());
  EXPECT_EQ(part.body["parent"], job.body["id"]);
  EXPECT_EQ(part.body["error"]["reason"], "COMPOSE_INVALID");
  EXPECT_EQ(controller_.row("/api/services", "services", "front")["status"], "stopped");
}

}  // namespace
}  // namespace portoser::test
