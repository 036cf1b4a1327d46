// Moves over HTTP and what `/ws` tells of them; the host is played by the test.

#include "controller/deployment/sweep.h"
#include "tests/unit/api/api_fixture.h"

#include <gmock/gmock.h>

namespace portoser::api {
namespace {

using http::Method;
using testing::HasSubstr;

class DeploymentApiTest : public ApiTest {
 protected:
  DeploymentApiTest() {
    write_file_atomic(folder_ / "registry.yml",
                      "hosts:\n  brick: {ip: 127.0.0.1}\n  chalk: {ip: 127.0.0.2}\nservices:\n"
                      "  notes: {current_host: brick, docker_compose: /srv/notes/compose.yml, "
                      "dependencies: [db]}\n"
                      "  db: {current_host: brick, docker_compose: /srv/db/compose.yml}\n");
    run(registry_->reload());
  }

  static Json moves(const std::vector<std::string>& services, const std::string& to = "brick") {
    Json all = Json::array();
    for (const auto& service : services) {
      all.push_back({{"service_name", service}, {"from_machine", nullptr}, {"to_machine", to}});
    }
    return {{"moves", all}};
  }
  Error refused(Method method, const std::string& target, const Json& body) {
    try {
      send(method, target, body);
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "it was answered";
    return Error{Code::internal, ""};
  }

  std::shared_ptr<Waiting> execute(const Json& body) {
    return begin_request(Method::post, "/api/deployment/execute", body);
  }
  static std::vector<Json> of_type(const PlayedSocket& socket, std::string_view type) {
    std::vector<Json> found;
    for (const auto& frame : socket.frames) {
      if (frame["type"] == type) found.push_back(frame);
    }
    return found;
  }
  std::shared_ptr<PlayedSocket> listening() {
    auto socket = open_socket("/ws", {R"({"action":"ping"})"});
    frame_of(*socket, "pong");
    return socket;
  }
};

TEST_F(DeploymentApiTest, TheStateIsThereBeforeAnythingHappened) {
  const auto state = get("/api/deployment/state");
  EXPECT_EQ(state["state"], "idle");
  EXPECT_EQ(state["pending_moves"], Json::array());
  EXPECT_EQ(state["moves"], Json::array());
  EXPECT_EQ(state["total_operations"], 0);
  EXPECT_EQ(state["queued"], Json::array());
  EXPECT_EQ(state["dry_run"], false);
  for (const auto* key : {"running", "last", "updated_at"}) {
    EXPECT_TRUE(state.contains(key) && state[key].is_null()) << key;
  }
}

TEST_F(DeploymentApiTest, MovesAreStagedReplacedAndForgotten) {
  const auto staged = send(Method::put, "/api/deployment/state", moves({"notes", "db"}));
  EXPECT_EQ(staged["state"], "pending");
  EXPECT_EQ(staged, get("/api/deployment/state"));
  ASSERT_EQ(staged["pending_moves"].size(), 2U);
  EXPECT_EQ(staged["pending_moves"][0]["service_name"], "notes");
  EXPECT_EQ(staged["pending_moves"][0]["from_machine"], nullptr);
  EXPECT_EQ(staged["pending_moves"][0]["to_machine"], "brick");
  EXPECT_EQ(staged["pending_moves"][0]["staged_by"], "Ada");
  EXPECT_EQ(staged["moves"], staged["pending_moves"]);
  send(Method::put, "/api/deployment/state", moves({"db"}));
  EXPECT_EQ(get("/api/deployment/state")["total_operations"], 1);
  EXPECT_EQ(send(Method::delete_, "/api/deployment/state")["state"], "idle");
  EXPECT_EQ(get("/api/deployment/state")["moves"], Json::array());
  EXPECT_EQ(refused(Method::put, "/api/deployment/state", moves({"notse"})).where(),
            "body.moves[0].service_name");
  EXPECT_EQ(refused(Method::put, "/api/deployment/state", moves({"db"}, "slate")).where(),
            "body.moves[0].to_machine");
  EXPECT_EQ(refused(Method::put, "/api/deployment/state", moves({"db", "db"})).where(),
            "body.moves[1].service_name");
  EXPECT_EQ(refused(Method::put, "/api/deployment/state", Json::object()).where(), "body.moves");
}

TEST_F(DeploymentApiTest, APlanNamesEachMoveAndADryRunIsOne) {
  auto device = welcomed();
  const auto plan = send(Method::post, "/api/deployment/plan", moves({"notes", "db"}));
  EXPECT_EQ(plan["total_operations"], 2);
  EXPECT_EQ(plan["ok"], true);
  EXPECT_EQ(plan["plan"][0]["service"], "db");
  const auto& notes = plan["plan"][1];
  EXPECT_EQ(notes["service"], "notes");
  EXPECT_EQ(notes["target_machine"], "brick");
  EXPECT_EQ(notes["action"], "RESTART IN PLACE");
  EXPECT_EQ(notes["command"], "restart \"notes\" on brick");
  for (const auto* key : {"findings", "warnings", "errors", "volumes"}) {
    EXPECT_TRUE(notes[key].is_array()) << key;
  }
  EXPECT_EQ(notes["estimated_seconds"], nullptr);
  auto body = moves({"notes", "db"});
  body["dry_run"] = true;
  EXPECT_EQ(send(Method::post, "/api/deployment/execute", body), plan);
  EXPECT_TRUE(run(jobs_->list({})).empty());
  const auto other = send(Method::post, "/api/deployment/plan", moves({"db"}, "chalk"));
  EXPECT_EQ(other["ok"], false);
  EXPECT_EQ(other["plan"][0]["action"], "MIGRATE from brick");
  EXPECT_EQ(other["plan"][0]["findings"][0]["reason"], "AGENT_MISSING");
  EXPECT_EQ(refused(Method::post, "/api/deployment/plan", moves({"../x"})).code(), Code::invalid);
}

TEST_F(DeploymentApiTest, ExecutingAnswersWhenAllIsDoneAndIsOneDeploymentOnTheSocket) {
  const auto socket = listening();
  auto device = welcomed();
  const auto waiting = execute(moves({"notes", "db"}));
  EXPECT_EQ(play(device), "db");
  EXPECT_EQ(play(device), "notes");
  await_answer(*waiting);
  EXPECT_EQ(waiting->response->status, 200U);
  const auto answer = waiting->body();
  EXPECT_EQ(answer["success"], true);
  ASSERT_EQ(answer["results"].size(), 2U);
  EXPECT_EQ(answer["results"][0]["service"], "db");
  EXPECT_EQ(answer["results"][0]["action"], "restart");
  EXPECT_EQ(answer["results"][0]["error"], nullptr);
  EXPECT_TRUE(answer["results"][0]["duration_ms"].is_number_integer());
  EXPECT_EQ(answer["deployment_id"], answer["results"][0]["deployment_id"]);
  const auto deployment = answer["deployment_id"].get<std::string>();
  EXPECT_EQ(get("/api/history/deployments/" + deployment)["service"], "db");
  const auto job = get("/api/jobs/" + answer["job_id"].get<std::string>());
  EXPECT_EQ(job["targets"], (Json{"db@brick", "notes@brick"}));

  frame_of(*socket, "deployment_completed");
  const auto started = of_type(*socket, "deployment_started");
  ASSERT_EQ(started.size(), 1U);
  EXPECT_EQ(started[0]["total_operations"], 2);
  const auto completed = of_type(*socket, "deployment_completed");
  ASSERT_EQ(completed.size(), 1U);
  ASSERT_EQ(completed[0]["results"].size(), 2U);
  EXPECT_EQ(completed[0]["results"][1]["service"], "notes");
  for (const auto& frame : of_type(*socket, "deployment_progress")) {
    EXPECT_EQ(frame["total_operations"], 2);
  }
  for (const auto& frame : socket->frames) {
    if (frame.contains("deployment_id")) {
      EXPECT_EQ(frame["deployment_id"], answer["deployment_id"]) << frame;
      EXPECT_EQ(frame["job_id"], answer["job_id"]) << frame;
    }
  }
  EXPECT_EQ(of_type(*socket, "service_restarted").size(), 2U);
}

TEST_F(DeploymentApiTest, ADeploymentHasTheIdOfItsRecordOnTheSocketToo) {
  const auto socket = listening();
  auto device = welcomed();
  const auto job = run(actions_->begin(deployment::Action::restart, "db", "ada")).id;
  EXPECT_EQ(play(device), "db");
  const auto completed = frame_of(*socket, "deployment_completed");
  const auto id = completed["deployment_id"].get<std::string>();
  EXPECT_EQ(get("/api/history/deployments/" + id)["job_id"], job);
  ASSERT_EQ(completed["results"].size(), 1U);
  EXPECT_EQ(completed["results"][0]["deployment_id"], id);
  EXPECT_EQ(completed["results"][0]["job_id"], job);
  int told = 0;
  for (const auto& frame : socket->frames) {
    if (!frame.contains("deployment_id")) continue;
    ++told;
    EXPECT_EQ(frame["deployment_id"], id) << frame;
    EXPECT_EQ(frame["job_id"], job) << frame;
  }
  EXPECT_GE(told, 3) << "it begins, it goes on, it ends";
}

/// The host was told nothing of it: it has no record.
TEST_F(DeploymentApiTest, MovesOfWhichNoneWasBegunAreOneDeploymentWithoutAnId) {
  const auto socket = listening();
  auto device = welcomed();
  const auto stop = run(actions_->begin(deployment::Action::stop, "db", "bob")).id;
  await<protocol::Command>(device);
  jobs::Request request;
  request.kind = deployment::Batches::kind;
  deployment::PartResult part;
  part.service = "db";
  part.target = "brick";
  part.action = "restart";
  request.results = deployment::Sweep::text_of({part});
  const auto batch = run(jobs_->submit(std::move(request))).id;
  EXPECT_EQ(run(jobs_->wait(batch)).state, "failed");
  step_until([&] { return of_type(*socket, "deployment_started").size() == 2; });
  const auto started = of_type(*socket, "deployment_started");
  ASSERT_EQ(started.size(), 2U);
  EXPECT_EQ(started[0]["job_id"], stop);
  EXPECT_EQ(started[1]["job_id"], batch);
  EXPECT_EQ(started[1]["deployment_id"], "");
  EXPECT_EQ(started[1]["total_operations"], 1);
}

TEST_F(DeploymentApiTest, AFailureHasTheResultsAndTheSocketSaysWhy) {
  const auto socket = listening();
  auto device = welcomed();
  const auto waiting = execute(moves({"notes", "db"}));
  EXPECT_EQ(play(device, false), "db");
  await_answer(*waiting);
  EXPECT_EQ(waiting->response->status, 502U);
  const auto answer = waiting->body();
  EXPECT_EQ(answer["success"], false);
  EXPECT_EQ(answer["reason"], "SERVICES_FAILED");
  EXPECT_EQ(answer["results"][0]["error"], "port 8090 is taken");
  EXPECT_EQ(answer["results"][1]["success"], false);
  EXPECT_THAT(answer["results"][1]["error"].get<std::string>(), HasSubstr("not begun"));
  const auto failed = frame_of(*socket, "deployment_failed");
  EXPECT_EQ(failed["error"],
            "db: port 8090 is taken; notes: not begun: it needs \"db\", which failed");
  EXPECT_EQ(failed["service"], "db");
  EXPECT_EQ(failed["results"].size(), 2U);
  EXPECT_EQ(of_type(*socket, "deployment_failed").size(), 1U);
  EXPECT_EQ(of_type(*socket, "deployment_completed").size(), 0U);
}

TEST_F(DeploymentApiTest, ARefusalIsToldOnTheSocketToo) {
  const auto socket = listening();
  auto device = welcomed();
  auto stale = moves({"notes", "db"});
  stale["moves"][1]["from_machine"] = "chalk";
  const auto error = refused(Method::post, "/api/deployment/execute", stale);
  EXPECT_EQ(error.reason(), "STALE_PLAN");
  const auto failed = frame_of(*socket, "deployment_failed");
  EXPECT_EQ(failed["error"], "\"db\" is on \"brick\", not on \"chalk\"");
  EXPECT_EQ(refused(Method::post, "/api/deployment/execute", moves({"notes", "ghost"})).code(),
            Code::invalid);
  EXPECT_EQ(refused(Method::post, "/api/deployment/execute", Json()).where(), "body.moves");
  EXPECT_TRUE(run(jobs_->list({})).empty()) << "nothing was touched";
}

TEST_F(DeploymentApiTest, StagedMovesAreExecutedAtOnceWhenAskedSo) {
  send(Method::put, "/api/deployment/state", moves({"db"}));
  auto device = welcomed();
  const auto accepted = request_of(
      Method::post, "/api/deployment/execute", Json::object(), {{"Prefer", "respond-async"}});
  EXPECT_EQ(accepted.status, 202U);
  const auto id = Json::parse(accepted.text())["job_id"].get<std::string>();
  EXPECT_EQ(get("/api/deployment/state")["running"]["job_id"], id);
  EXPECT_EQ(play(device), "db");
  EXPECT_EQ(run(jobs_->wait(id)).state, "succeeded");
  const auto state = get("/api/deployment/state");
  EXPECT_EQ(state["state"], "idle");
  EXPECT_EQ(state["moves"], Json::array());
  EXPECT_EQ(state["last"]["success"], true);
}

}  // namespace
}  // namespace portoser::api
