// What requests that change something answer, and whether it is as their routes declare.

#include "protocol/questions.h"
#include "tests/unit/api/declared_answer.h"
#include "tests/unit/api/registry_fixture.h"

namespace portoser::api {
namespace {

using http::Method;

class MutationAnswers : public RegistryApiTest {
 protected:
  void expect_declared(Method method, std::string_view target, const http::Response& answer) {
    http::Request request;
    request.method = method;
    request.set_target(target);
    http::Match match;
    router_.find(request, match);
    ASSERT_NE(match.endpoint, nullptr) << target;
    EXPECT_EQ(answer.status, match.endpoint->route.success_status) << target << answer.text();
    const auto& schema = match.endpoint->response_schema;
    EXPECT_TRUE(schema.is_object()) << target << " declares nothing";
    EXPECT_EQ(difference_from(schema, Json::parse(answer.text()), "answer"), "") << target;
  }
  void expect_done(Method method, std::string_view target, const Json& body = Json::object()) {
    try {
      expect_declared(method, target, request_of(method, target, body));
    } catch (const Error& error) {
      ADD_FAILURE() << target << " was refused: " << error.message();
    }
  }
  /// The same, while the host does it.
  void expect_done_by(fleet::DeviceDouble& device,
                      std::string_view target,
                      const Json& body = Json::object()) {
    const auto waiting = begin_request(Method::post, target, body);
    play(device);
    await_answer(*waiting);
    ASSERT_TRUE(waiting->response) << target;
    expect_declared(Method::post, target, *waiting->response);
  }
};

TEST_F(MutationAnswers, OfEditsOfTheRegistryAreAsDeclared) {
  expect_done(Method::post, "/api/machines", {{"name", "chalk"}, {"ip", "127.0.0.2"}});
  expect_done(Method::patch, "/api/machines/chalk", {{"ip", "127.0.0.3"}});
  expect_done(Method::put, "/api/machines/chalk", {{"ip", "127.0.0.4"}});
  expect_done(Method::post,
              "/api/services",
              {{"name", "mail"}, {"current_host", "chalk"}, {"docker_compose", "/srv/mail.yml"}});
  expect_done(Method::patch, "/api/services/mail", {{"port", 25}});
  expect_done(Method::put, "/api/services/mail", {{"port", 26}});
  const Json dependency{{"service", "mail"}, {"dependency", "notes"}};
  expect_done(Method::post, "/api/dependencies/add", dependency);
  expect_done(Method::delete_, "/api/dependencies/remove", dependency);
  expect_done(Method::delete_, "/api/services/mail?keep_running=true");
  expect_done(Method::delete_, "/api/machines/chalk");

  expect_done(Method::post, "/api/registry/validate", {{"text", text() + "# a comment\n"}});
  expect_done(Method::post, "/api/registry/validate", {{"text", "hosts: ["}});
  expect_done(Method::post, "/api/registry/reload");
  const auto revision = get("/api/registry")["revision"];
  expect_done(
      Method::put, "/api/registry", {{"text", text() + "# a comment\n"}, {"revision", revision}});
  const auto backups = get("/api/registry/history")["backups"];
  ASSERT_FALSE(backups.empty());
  expect_done(Method::post, "/api/registry/restore/" + backups[0]["id"].get<std::string>());
}

TEST_F(MutationAnswers, OfMovesAreAsDeclared) {
  auto device = welcomed();
  const Json moves{
      {"moves",
       Json::array(
           {{{"service_name", "notes"}, {"from_machine", nullptr}, {"to_machine", "brick"}}})}};
  expect_done(Method::put, "/api/deployment/state", moves);
  expect_done(Method::post, "/api/deployment/plan", moves);
  auto dry_run = moves;
  dry_run["dry_run"] = true;
  expect_done(Method::post, "/api/deployment/execute", dry_run);
  expect_done_by(device, "/api/deployment/execute", moves);
  expect_done(Method::delete_, "/api/deployment/state");
}

TEST_F(MutationAnswers, OfActionsAreAsDeclared) {
  auto device = welcomed();
  for (const std::string action : {"start", "stop", "restart", "rebuild"}) {
    expect_done_by(device, "/api/services/notes/" + action);
    if (action != "rebuild") expect_done_by(device, "/api/machines/brick/" + action);
  }
}

TEST_F(MutationAnswers, OfARollbackThatIsOnlyTriedAreAsDeclared) {
  storage::DeploymentRecord record;
  record.id = "deploy-0";
  record.service = "notes";
  record.machine = "brick";
  record.status = "success";
  record.started_at = clock_.now();
  record.config_after = R"({"current_host":"brick","port":1})";
  storage::DeploymentStore deployments{*database_};
  run(deployments.insert(record));
  EXPECT_FALSE(get("/api/history/rollback/deploy-0/preview")["differences"].empty());
  for (const std::string path : {"", "/execute"}) {
    expect_done(Method::post, "/api/history/rollback/deploy-0" + path, {{"dry_run", true}});
  }
}

/// It changes nothing, and needs a host all the same.
TEST_F(MutationAnswers, OfAComposeFileAreAsDeclared) {
  auto device = knowing({"compose.inspect"});
  const std::string target = "/api/services/notes/compose";
  const auto waiting = begin_request(Method::get, target);
  protocol::ComposeInspection found;
  found.file = "/srv/notes/compose.yml";
  found.text = "services: {}\n";
  found.revision = "ab";
  found.size_bytes = 13;
  found.environment = {{"PASSWORD", ".env", "cd"}};
  found.images = {{"web", "notes_web_1", "nginx:1.25", "sha256:ef"}};
  found.kept = {"deploy-20260304-091500-1f0c9a7e"};
  tell<protocol::InspectCompose>(device, found);
  await_answer(*waiting);
  ASSERT_TRUE(waiting->response);
  expect_declared(Method::get, target, *waiting->response);
}

}  // namespace
}  // namespace portoser::api
