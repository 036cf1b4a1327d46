// Deployments that look first, over HTTP and on their sockets; and requests that name themselves.
// The host is played by the test.

#include "tests/unit/api/api_fixture.h"
#include "tests/unit/api/declared_answer.h"

#include <gmock/gmock.h>

namespace portoser::api {
namespace {

using http::Method;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr auto path = "/api/deployment/intelligent-execute";

class DeploymentsTest : public ApiTest {
 protected:
  DeploymentsTest() {
    write_file_atomic(folder_ / "registry.yml",
                      "hosts:\n  brick: {ip: 127.0.0.1}\n  chalk: {ip: 127.0.0.2}\nservices:\n"
                      "  notes: {current_host: brick, docker_compose: /srv/notes/compose.yml, "
                      "dependencies: [db]}\n"
                      "  db: {current_host: brick, docker_compose: /srv/db/compose.yml}\n");
    run(registry_->reload());
  }

  static Json wish(const std::string& service,
                   bool auto_heal = false,
                   bool dry_run = false,
                   const std::string& machine = "brick") {
    return {
        {"service", service}, {"machine", machine}, {"auto_heal", auto_heal}, {"dry_run", dry_run}};
  }
  static Json moves(const std::string& service) {
    return {{"moves", Json::array({{{"service_name", service}, {"to_machine", "brick"}}})}};
  }
  std::string begin(const Json& body) { return send(Method::post, path, body)["deployment_id"]; }
  Error refused(const std::string& target,
                const Json& body,
                const std::vector<std::pair<std::string, std::string>>& headers = {}) {
    try {
      request_of(Method::post, target, body, headers);
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "it was answered";
    return Error{Code::internal, ""};
  }
  std::vector<Json> told(const std::string& id, const std::string& end = "deployment_completed") {
    const auto socket = open_socket("/api/deployment/ws/" + id, {});
    frame_of(*socket, end);
    return socket->frames;
  }
  static std::vector<Json> of_type(const std::vector<Json>& frames, std::string_view type) {
    std::vector<Json> found;
    for (const auto& frame : frames) {
      if (frame["type"] == type) found.push_back(frame);
    }
    return found;
  }
  static std::vector<std::string> phases(const std::vector<Json>& frames) {
    std::vector<std::string> all;
    for (const auto& frame : frames) {
      if (!frame.contains("phase")) continue;
      const auto type = frame["type"].get<std::string>();
      all.push_back((type == "phase_started" ? "+" : "-") +
                    std::to_string(frame["phase"].get<int>()));
    }
    return all;
  }
  void tell_stopped(const std::string& service) {
    protocol::State state;
    state.engine_available = true;
    protocol::ServiceState one;
    one.name = service;
    one.status = "stopped";
    state.services.push_back(std::move(one));
    live_.on_state("brick", clock_.now(), std::move(state));
  }
  http::Response keyed(const std::string& target, const Json& body, const std::string& key) {
    return request_of(
        Method::post, target, body, {{"Idempotency-Key", key}, {"Prefer", "respond-async"}});
  }
  static std::string job_in(const http::Response& response) {
    return Json::parse(response.text())["job_id"];
  }
  std::string job_of(const std::string& deployment) {
    return run(stories_->job_of(deployment)).value_or("");
  }
};

TEST_F(DeploymentsTest, IsAcceptedAtOnceInTheShapeThatTheUiReads) {
  const auto answer = send(Method::post, path, wish("db"));
  std::vector<std::string> keys;
  for (const auto& [key, value] : answer.items()) keys.push_back(key);
  EXPECT_THAT(keys,
              ElementsAre("deployment_id",
                          "success",
                          "status",
                          "accepted",
                          "service",
                          "machine",
                          "dry_run",
                          "phases",
                          "error",
                          "problems_detected",
                          "solutions_applied"));
  EXPECT_EQ(answer["success"], true);
  EXPECT_EQ(answer["status"], "in_progress");
  EXPECT_EQ(answer["accepted"], true);
  EXPECT_EQ(answer["error"], nullptr);
  ASSERT_EQ(answer["phases"].size(), 4U);
  EXPECT_EQ(answer["phases"][3], (Json{{"name", "Deploy & verify"}, {"status", "pending"}}));
  run(jobs_->wait(job_of(answer["deployment_id"])));
}

TEST_F(DeploymentsTest, TellsItsFourPhasesAndIsTheIdOfItsRecord) {
  auto device = welcomed();
  const auto id = begin(wish("db"));
  EXPECT_EQ(play(device), "db");
  const auto frames = told(id);
  EXPECT_THAT(phases(frames), ElementsAre("+1", "-1", "+2", "-2", "+3", "-3", "+4", "-4"));
  const auto problems = of_type(frames, "problem_detected");
  ASSERT_THAT(problems, SizeIs(1)) << "its agent cannot look before it acts";
  EXPECT_EQ(problems[0]["name"], "AGENT_TOO_OLD");
  EXPECT_EQ(problems[0]["severity"], "medium");
  EXPECT_EQ(problems[0]["autoFixAvailable"], false);
  for (const auto& frame : of_type(frames, "observation")) {
    EXPECT_TRUE(frame["message"].is_string() && frame["details"].is_object()) << frame;
    EXPECT_THAT((std::vector<std::string>{"success", "failed", "pending"}),
                testing::Contains(frame["status"].get<std::string>()));
  }
  EXPECT_EQ(frames.back()["type"], "deployment_completed");
  const auto record = get("/api/history/deployments/" + id);
  EXPECT_EQ(record["service"], "db");
  EXPECT_EQ(record["job_id"], job_of(id));

  const auto result = get("/api/deployment/" + id);
  EXPECT_EQ(result["status"], "completed");
  EXPECT_EQ(result["success"], true);
  EXPECT_EQ(result["auto_heal_applied"], false);
  ASSERT_EQ(result["phases"].size(), 4U);
  EXPECT_FALSE(result["phases"][0]["steps"].empty());
  EXPECT_EQ(result["problems_detected"].size(), 1U);
  EXPECT_EQ(get("/api/deployment/" + job_of(id)), result) << "by the id of its job too";
  const auto breakdown = get("/api/deployment/" + id + "/phases");
  EXPECT_EQ(breakdown["total_phases"], 4);
  EXPECT_EQ(breakdown["completed_phases"], 4);
  EXPECT_EQ(breakdown["current_phase"], nullptr);
}

TEST_F(DeploymentsTest, AnswersAreAsDeclared) {
  auto device = welcomed();
  const auto id = begin(wish("db"));
  EXPECT_EQ(play(device), "db");
  run(jobs_->wait(job_of(id)));
  const auto expect_declared = [&](Method method, const std::string& target, const Json& answer) {
    http::Request request;
    request.method = method;
    request.set_target(target);
    http::Match match;
    router_.find(request, match);
    ASSERT_NE(match.endpoint, nullptr) << target;
    EXPECT_EQ(difference_from(match.endpoint->response_schema, answer, "answer"), "") << target;
  };
  const auto base = "/api/deployment/" + id;
  expect_declared(Method::get, base, get(base));
  expect_declared(Method::get, base + "/phases", get(base + "/phases"));
  const Json body{{"service", "db"}, {"machine", "brick"}};
  const std::string dry_run = "/api/deployment/dry-run";
  expect_declared(Method::post, dry_run, send(Method::post, dry_run, body));
  const auto accepted = send(Method::post, path, wish("db", false, true));
  expect_declared(Method::post, path, accepted);
  run(jobs_->wait(job_of(accepted["deployment_id"])));
}

TEST_F(DeploymentsTest, AFailureEndsItInItsLastPhase) {
  auto device = welcomed();
  const auto id = begin(wish("db"));
  EXPECT_EQ(play(device, false), "db");
  const auto frames = told(id, "deployment_failed");
  EXPECT_EQ(frames.back()["error"], "port 8090 is taken");
  EXPECT_THAT(phases(frames), ElementsAre("+1", "-1", "+2", "-2", "+3", "-3", "+4"));
  const auto result = get("/api/deployment/" + id);
  EXPECT_EQ(result["status"], "failed");
  ASSERT_EQ(result["phases"].size(), 4U) << "the steps of its part are none of its own";
  EXPECT_EQ(result["phases"][3]["status"], "failed");
  EXPECT_EQ(result["phases"][3]["error"], "port 8090 is taken");
}

TEST_F(DeploymentsTest, ADryRunEndsBeforeAnythingIsChanged) {
  tell_stopped("db");
  auto device = welcomed();
  const auto id = begin(wish("notes", true, true));
  const auto frames = told(id);
  EXPECT_THAT(phases(frames), ElementsAre("+1", "-1", "+2", "-2", "+3", "-3"));
  EXPECT_THAT(of_type(frames, "solution_started"), IsEmpty());
  EXPECT_THAT(run(jobs_->list({})), SizeIs(1)) << "it began no other job";
  EXPECT_EQ(get("/api/history/deployments")["total"], 0);
  const auto result =
      send(Method::post, "/api/deployment/dry-run", {{"service", "db"}, {"machine", "brick"}});
  EXPECT_EQ(result["dry_run"], true);
  EXPECT_EQ(result["success"], true);
  ASSERT_EQ(result["phases"].size(), 4U);
  EXPECT_EQ(result["phases"][2]["status"], "completed");
  EXPECT_EQ(result["phases"][3]["status"], "skipped");
}

TEST_F(DeploymentsTest, WithoutHealingNothingIsDoneAboutAProblem) {
  tell_stopped("db");
  auto device = welcomed();
  const auto id = begin(wish("notes"));
  EXPECT_EQ(play(device), "notes") << "db is left alone";
  const auto frames = told(id);
  const auto problems = of_type(frames, "problem_detected");
  ASSERT_FALSE(problems.empty());
  EXPECT_EQ(problems[0]["name"], "DEPENDENCY_DOWN");
  EXPECT_EQ(problems[0]["autoFixAvailable"], true);
  EXPECT_THAT(of_type(frames, "solution_started"), IsEmpty());
  std::string log;
  for (const auto& frame : of_type(frames, "deployment_log")) {
    log += frame["message"].get<std::string>() + "\n";
  }
  EXPECT_THAT(log, HasSubstr("not done, as auto_heal is off: start \"db\""));
}

TEST_F(DeploymentsTest, WithHealingAStoppedDependencyIsStartedFirst) {
  tell_stopped("db");
  auto device = welcomed();
  const auto id = begin(wish("notes", true));
  const auto start = await<protocol::Command>(device);
  EXPECT_EQ(start.name, "compose.up");
  EXPECT_EQ(run(jobs_->find(start.id)).service, "db");
  EXPECT_EQ(run(jobs_->find(start.id)).parent, job_of(id));
  protocol::CommandResult done;
  done.sequence = 50;
  done.command_id = start.id;
  done.succeeded = true;
  device.send(done);
  const auto restart = await<protocol::Command>(device);
  EXPECT_EQ(run(jobs_->find(restart.id)).service, "notes");
  done.sequence = 51;
  done.command_id = restart.id;
  device.send(done);
  const auto frames = told(id);
  const auto started = of_type(frames, "solution_started");
  ASSERT_THAT(started, SizeIs(1));
  EXPECT_TRUE(started[0]["steps"].is_array());
  EXPECT_EQ(of_type(frames, "solution_progress").at(0)["currentStep"], 0);
  EXPECT_THAT(of_type(frames, "solution_completed"), SizeIs(1));
  const auto result = get("/api/deployment/" + id);
  EXPECT_EQ(result["auto_heal_applied"], true);
  EXPECT_EQ(result["solutions_applied"], Json::array({"start \"db\""}));
}

TEST_F(DeploymentsTest, ASolutionThatDoesNotWorkIsToldAndTheServiceDeployedAllTheSame) {
  tell_stopped("db");
  auto device = welcomed();
  const auto id = begin(wish("notes", true));
  EXPECT_EQ(play(device, false), "db");
  EXPECT_EQ(play(device), "notes");
  const auto frames = told(id);
  const auto failed = of_type(frames, "solution_failed");
  ASSERT_THAT(failed, SizeIs(1));
  EXPECT_EQ(failed[0]["error"], "port 8090 is taken");
}

TEST_F(DeploymentsTest, UnknownNamesAreRefusedAndAnotherJobIsInTheWay) {
  auto device = welcomed();
  const auto ghost = refused(path, wish("ghost"));
  EXPECT_EQ(ghost.code(), Code::invalid);
  EXPECT_EQ(ghost.reason(), "SERVICE_UNKNOWN");
  EXPECT_EQ(ghost.where(), "body.service");
  EXPECT_EQ(refused(path, wish("db", false, false, "--force")).where(), "body.machine");
  EXPECT_THAT(run(jobs_->list({})), IsEmpty());
  const auto stop = run(actions_->begin(deployment::Action::stop, "db", "bob")).id;
  EXPECT_EQ(refused(path, wish("db")).reason(), "BUSY");
  EXPECT_EQ(play(device), "db");
  run(jobs_->wait(stop));
}

TEST_F(DeploymentsTest, TheSameAgainIsTheSameDeployment) {
  auto device = welcomed();
  const auto id = begin(wish("db"));
  EXPECT_EQ(begin(wish("db")), id);
  const auto command = await<protocol::Command>(device);
  EXPECT_EQ(begin(wish("db")), id) << "while its part has the service too";
  protocol::CommandResult done;
  done.sequence = 50;
  done.command_id = command.id;
  done.succeeded = true;
  device.send(done);
  told(id);
}

TEST_F(DeploymentsTest, ACancelReachesWhatItBegan) {
  auto device = welcomed();
  const auto id = begin(wish("db"));
  const auto command = await<protocol::Command>(device);
  send(Method::post, "/api/jobs/" + job_of(id) + "/cancel");
  EXPECT_EQ(await<protocol::Cancel>(device).id, command.id);
  protocol::CommandResult ended;
  ended.sequence = 50;
  ended.command_id = command.id;
  ended.code = "conflict";
  ended.reason = "ACTION_CANCELLED";
  ended.message = "cancelled";
  device.send(ended);
  EXPECT_EQ(run(jobs_->wait(job_of(id))).state, "cancelled");
}

/// Its part is one there, so nothing comes twice.
TEST_F(DeploymentsTest, OnTheOldSocketOnlyWhatIsDoneIsADeployment) {
  const auto old = open_socket("/ws", {});
  auto device = welcomed();
  const auto id = begin(wish("db"));
  EXPECT_EQ(play(device), "db");
  told(id);
  frame_of(*old, "deployment_completed");
  EXPECT_THAT(of_type(old->frames, "deployment_started"), SizeIs(1));
  for (const auto& frame : old->frames) {
    EXPECT_EQ(frame["type"].get<std::string>().find("intelligent"), std::string::npos);
    if (!frame.contains("job_id")) continue;
    EXPECT_NE(frame["job_id"], job_of(id)) << frame;
  }
}

TEST_F(DeploymentsTest, AKeyedRequestIsOneJobAlsoWhenThatIsOver) {
  auto device = welcomed();
  const auto first = job_in(keyed("/api/deployment/execute", moves("db"), "k1"));
  EXPECT_EQ(job_in(keyed("/api/deployment/execute", moves("db"), "k1")), first);
  EXPECT_EQ(play(device), "db");
  run(jobs_->wait(first));
  EXPECT_EQ(job_in(keyed("/api/deployment/execute", moves("db"), "k1")), first);
  const auto again =
      request_of(Method::post, "/api/deployment/execute", moves("db"), {{"Idempotency-Key", "k1"}});
  EXPECT_EQ(again.status, 200U) << "its results are told again";
  EXPECT_EQ(job_in(again), first);
  EXPECT_NE(job_in(keyed("/api/deployment/execute", moves("db"), "k2")), first);
  EXPECT_EQ(play(device), "db");
}

TEST_F(DeploymentsTest, AKeyIsOfOneRequest) {
  auto device = welcomed();
  keyed("/api/deployment/execute", moves("db"), "k1");
  EXPECT_EQ(play(device), "db");
  const std::vector<std::pair<std::string, std::string>> header{{"Idempotency-Key", "k1"}};
  const auto other = refused("/api/deployment/execute", moves("notes"), header);
  EXPECT_EQ(other.code(), Code::invalid);
  EXPECT_EQ(other.reason(), "IDEMPOTENCY_KEY_REUSED");
  EXPECT_EQ(refused(path, wish("db"), header).reason(), "IDEMPOTENCY_KEY_REUSED");
  EXPECT_EQ(refused(path, wish("db"), {{"Idempotency-Key", std::string(201, 'k')}}).code(),
            Code::invalid);
}

TEST_F(DeploymentsTest, ARefusalLeavesTheKeyFree) {
  const std::vector<std::pair<std::string, std::string>> header{{"Idempotency-Key", "k1"}};
  EXPECT_EQ(refused("/api/deployment/execute", moves("db"), header).reason(), "AGENT_OFFLINE");
  auto device = welcomed();
  EXPECT_FALSE(job_in(keyed("/api/deployment/execute", moves("notes"), "k1")).empty());
  EXPECT_EQ(play(device), "notes");
}

TEST_F(DeploymentsTest, AKeyedDeploymentThatIsOverIsNotDoneAgain) {
  auto device = welcomed();
  const auto first = Json::parse(keyed(path, wish("db"), "k1").text());
  EXPECT_EQ(play(device), "db");
  run(jobs_->wait(job_of(first["deployment_id"])));
  const auto jobs = run(jobs_->list({})).size();
  EXPECT_EQ(Json::parse(keyed(path, wish("db"), "k1").text()), first);
  EXPECT_THAT(run(jobs_->list({})), SizeIs(jobs));
}

TEST_F(DeploymentsTest, RoutesAskForTheRolesThatTheyNeed) {
  std::map<std::string, http::Role> roles;
  for (const auto& endpoint : router_.endpoints()) {
    roles[std::string{http::to_string(endpoint->route.method)} + " " + endpoint->route.path] =
        endpoint->route.role;
  }
  EXPECT_EQ(roles.at(std::string{"POST "} + path), http::Role::deployer);
  EXPECT_EQ(roles.at("POST /api/deployment/dry-run"), http::Role::viewer);
  EXPECT_EQ(roles.at("GET /api/deployment/{id}"), http::Role::viewer);
  EXPECT_EQ(get("/api/deployment/state")["state"], "idle") << "a literal goes first";
}

}  // namespace
}  // namespace portoser::api
