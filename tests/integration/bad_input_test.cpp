// What is wrong is refused with a clear text, changes nothing, and the rest goes on.

#include "common/file.h"
#include "tests/integration/portoser.h"
#include "tests/support/await.h"
#include "tests/support/compose_project.h"
#include "tests/support/engine.h"
#include "tests/support/images.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class BadInput : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    load_images(PrivateEngine::shared());
    folder_ = std::make_unique<TempFolder>("bad-input");
    controller_ = std::make_unique<ControllerProcess>(folder_->path());
    controller_->write_registry(hosts());
    controller_->start();
    agent_ =
        std::make_unique<AgentProcess>(folder_->path(), "brick", PrivateEngine::shared().socket());
    agent_->join(controller_->create_token());
    agent_->start();
    controller_->await_machine("brick", "online");
  }
  static void TearDownTestSuite() {
    agent_.reset();
    controller_.reset();
    folder_.reset();
  }

  static std::string hosts() {
    return "domain: attic.test\nhosts:\n  brick: {ip: 127.0.0.1}\n  pebble: {ip: 127.0.0.2}\n";
  }

  /// Puts a service with that compose file into the registry.
  static void place(const std::string& name, const std::filesystem::path& file) {
    controller_->write_registry(hosts() + "services:\n  " + name +
                                ":\n    current_host: brick\n    docker_compose: " + file.string() +
                                "\n");
    await_until("the service is listed", 30s, [&] {
      return !controller_->row("/api/services", "services", name).is_null();
    });
  }

  /// Posts the action and expects a failure with that reason; the job must tell the same.
  static ApiAnswer expect_failure(const std::string& path,
                                  const std::string& reason,
                                  unsigned status = 502) {
    auto answer = controller_->post(path);
    EXPECT_EQ(answer.status, status) << answer.text;
    EXPECT_EQ(answer.body["code"], reason) << answer.text;
    EXPECT_FALSE(answer.body["message"].get<std::string>().empty());
    EXPECT_FALSE(answer.body["hint"].get<std::string>().empty()) << answer.text;
    const auto job = controller_->get("/api/jobs?limit=1").body["jobs"][0];
    EXPECT_EQ(job["state"], "failed");
    EXPECT_EQ(job["error"]["reason"], reason);
    return answer;
  }

  static std::unique_ptr<TempFolder> folder_;
  static std::unique_ptr<ControllerProcess> controller_;
  static std::unique_ptr<AgentProcess> agent_;
};

std::unique_ptr<TempFolder> BadInput::folder_;
std::unique_ptr<ControllerProcess> BadInput::controller_;
std::unique_ptr<AgentProcess> BadInput::agent_;

// Compose

TEST_F(BadInput, ComposeFileThatIsMissingIsNamed) {
  place("missing", *folder_ / "nowhere" / "docker-compose.yml");
  const auto answer = expect_failure("/api/services/missing/start", "COMPOSE_FILE_MISSING", 422);
  EXPECT_THAT(answer.text, HasSubstr("nowhere/docker-compose.yml"));
}

TEST_F(BadInput, InvalidYamlFailsWithTheToolsOwnText) {
  ComposeProject project{*folder_ / "broken", {{.name = "web"}}};
  project.write("services:\n  web: [\n");
  place("broken", project.file());
  const auto answer = expect_failure("/api/services/broken/start", "COMPOSE_INVALID", 422);
  EXPECT_THAT(answer.text, HasSubstr(R"({"where":"step","message":"preflight"})"));
  EXPECT_THAT(answer.text, HasSubstr("yaml.parser.ParserError"));
}

TEST_F(BadInput, FileThatARestartRefusesStopsNothing) {
  ComposeProject project{*folder_ / "spoilt", {{.name = "web"}}};
  place("spoilt", project.file());
  ASSERT_EQ(controller_->post("/api/services/spoilt/start").status, 200U);
  const auto containers = [] {
    return PrivateEngine::shared().docker(
        {"ps", "-q", "--no-trunc", "--filter", "label=com.docker.compose.project=spoilt"});
  };
  const auto before = containers();
  ASSERT_FALSE(before.empty());
  const std::vector<std::pair<std::string, std::string>> mistakes{
      {"depends_on: [db]", "COMPOSE_INVALID"},
      {"imag: x", "COMPOSE_INVALID"},
      {"env_file: no.env", "ENV_MISSING"}};
  for (const auto& [mistake, reason] : mistakes) {
    project.write("version: '3'\nservices:\n  web: {image: portoser-test/httpd, " + mistake +
                  "}\n");
    expect_failure("/api/services/spoilt/restart", reason, 422);
    EXPECT_EQ(containers(), before) << mistake;
  }
}

TEST_F(BadInput, ImageThatIsNotThereFailsThePlainWay) {
  // A registry that cannot be: nothing listens on port 1 of loopback.
  ComposeProject project{*folder_ / "noimage",
                         {{.name = "web", .image = "127.0.0.1:1/portoser-test/absent"}}};
  place("noimage", project.file());
  expect_failure("/api/services/noimage/start", "IMAGE_UNAVAILABLE", 422);
}

TEST_F(BadInput, PortThatIsTakenIsSaid) {
  const auto port = free_port();
  ComposeProject one{*folder_ / "one", {{.name = "web", .port = port}}};
  ComposeProject two{*folder_ / "two", {{.name = "web", .port = port}}};
  place("one", one.file());
  ASSERT_EQ(controller_->post("/api/services/one/start").status, 200U);
  place("two", two.file());
  expect_failure("/api/services/two/start", "PORT_TAKEN", 422);
}

TEST_F(BadInput, ContainerThatExitsAtOnceIsAFailure) {
  ComposeProject project{*folder_ / "exits",
                         {{.name = "job",
                           .image = "portoser-test/busybox",
                           .command = {"sh", "-c", "echo no configuration; exit 3"},
                           .restart = ""}}};
  place("exits", project.file());
  const auto answer = expect_failure("/api/services/exits/start", "CONTAINER_EXITED");
  EXPECT_THAT(answer.text, HasSubstr("3"));
}

TEST_F(BadInput, EngineThatIsDownIsSaidAndComesBack) {
  ComposeProject project{*folder_ / "down", {{.name = "web"}}};
  place("down", project.file());
  auto& engine = PrivateEngine::shared();
  engine.crash();
  await_until("the engine is missed", 60s, [] {
    return controller_->get("/api/machines/brick").body["engine_available"] == false;
  });
  EXPECT_EQ(controller_->row("/api/services", "services", "down")["status"], "unknown");
  expect_failure("/api/services/down/start", "ENGINE_UNAVAILABLE", 503);
  engine.start();
  await_until("the engine is back", 60s, [] {
    return controller_->get("/api/machines/brick").body["engine_available"] == true;
  });
  EXPECT_EQ(controller_->post("/api/services/down/start").status, 200U);
}

TEST_F(BadInput, CancelEndsTheJobAndItsProcesses) {
  ComposeProject project{*folder_ / "slow",
                         {{.name = "app", .image = "portoser-slow/app", .build = "."}}};
  project.write_file("Dockerfile", "FROM portoser-test/busybox\nRUN echo begun && sleep 600\n");
  place("slow", project.file());
  const auto answer =
      controller_->post("/api/services/slow/rebuild", "", {{"Prefer", "respond-async"}});
  ASSERT_EQ(answer.status, 202U) << answer.text;
  const auto id = answer.body["job_id"].get<std::string>();
  await_until("the build has begun", 60s, [&] {
    return controller_->get("/api/jobs/" + id).text.find("begun") != std::string::npos;
  });
  const auto busy = controller_->post("/api/services/slow/start");
  EXPECT_EQ(busy.status, 409U);
  EXPECT_EQ(busy.body["code"], "BUSY");
  EXPECT_THAT(busy.text, HasSubstr(id));
  EXPECT_EQ(controller_->post("/api/jobs/" + id + "/cancel").status, 202U);
  await_until(
      "the job is over",
      60s,
      [&] { return controller_->get("/api/jobs/" + id).body["state"] == "cancelled"; },
      [&] { return controller_->get("/api/jobs/" + id).text; });
  const auto again = controller_->post("/api/jobs/" + id + "/cancel");
  EXPECT_EQ(again.status, 409U);
}

// HTTP

TEST_F(BadInput, UnknownNamesAre404WithTheName) {
  for (const auto* path : {"/api/services/nobody",
                           "/api/machines/nobody",
                           "/api/jobs/nobody",
                           "/api/metrics/machine/nobody",
                           "/api/metrics/nobody/brick"}) {
    const auto answer = controller_->get(path);
    EXPECT_EQ(answer.status, 404U) << path;
    EXPECT_THAT(answer.body["message"].get<std::string>(), HasSubstr("nobody")) << path;
    EXPECT_EQ(answer.body["error"]["status"], 404) << path;
  }
  EXPECT_EQ(controller_->post("/api/services/nobody/start").status, 404U);
}

TEST_F(BadInput, HostWithoutAnAgentIsRefusedAtOnce) {
  controller_->write_registry(hosts() +
                              "  bare: {ip: 127.0.0.3}\nservices:\n  idle:\n"
                              "    current_host: bare\n    docker_compose: /srv/idle.yml\n");
  controller_->await_machine("bare", "unknown");
  const auto answer = controller_->post("/api/services/idle/start");
  EXPECT_EQ(answer.status, 503U);
  EXPECT_EQ(answer.body["code"], "AGENT_MISSING");
  EXPECT_THAT(answer.body["hint"].get<std::string>(), HasSubstr("token create"));
}

TEST_F(BadInput, WrongQueriesAndBodiesAre4xx) {
  EXPECT_EQ(controller_->get("/api/jobs?limit=many").status, 422U);
  for (const auto* path : {"/api/metrics?format=xml",
                           "/api/metrics?view=all",
                           "/api/metrics/all?view=hosts",
                           "/api/metrics/nobody/brick?timeRange=2h",
                           "/api/jobs?state=done",
                           "/api/devices?status=up"}) {
    const auto answer = controller_->get(path);
    EXPECT_EQ(answer.status, 400U) << path;
    EXPECT_THAT(answer.body["where"].get<std::string>(), testing::StartsWith("query.")) << path;
    EXPECT_THAT(answer.body["message"].get<std::string>(), HasSubstr("Valid values: ")) << path;
  }
  EXPECT_EQ(HttpClient{controller_->port()}
                .post("/api/v1/devices", "{\"hostname\":", {{"Content-Type", "application/json"}})
                .status,
            400U);
  EXPECT_EQ(
      HttpClient{controller_->port()}
          .post("/api/v1/devices", R"({"hostname":7})", {{"Content-Type", "application/json"}})
          .status,
      422U);
  EXPECT_EQ(
      HttpClient{controller_->port()}.post("/api/v1/devices", std::string(2 << 20, 'x')).status,
      413U);
  EXPECT_EQ(
      HttpClient{controller_->port()}.get("/ping", {{"X-Long", std::string(20000, 'x')}}).status,
      431U);
}

// Registry

TEST_F(BadInput, BrokenRegistryLeavesTheLastGoodOneInForceAndSaysWhere) {
  ComposeProject project{*folder_ / "kept", {{.name = "web"}}};
  place("kept", project.file());
  controller_->write_registry("hosts:\n\tbrick: {}\n");
  await_until("the problem is told", 30s, [] {
    return controller_->get("/health").body["status"] == "degraded";
  });
  const auto health = controller_->get("/health");
  EXPECT_THAT(health.body["registry"]["problem"]["where"].get<std::string>(), HasSubstr(":2:"));
  EXPECT_THAT(health.text, HasSubstr("tab"));
  const auto brief = controller_->get("/api/health");
  EXPECT_EQ(brief.status, 200U) << brief.text;
  EXPECT_EQ(brief.body["status"], "degraded") << brief.text;
  EXPECT_FALSE(controller_->row("/api/services", "services", "kept").is_null());
  std::filesystem::remove(controller_->registry());
  await_until("the loss is told", 30s, [] {
    return controller_->get("/health").body["registry"]["source"] == "missing";
  });
  EXPECT_FALSE(controller_->row("/api/services", "services", "kept").is_null());
  place("kept", project.file());
  await_until("all is well again", 30s, [] {
    return controller_->get("/health").body["status"] == "healthy";
  });
  EXPECT_EQ(controller_->get("/api/health").body["status"], "healthy");
}

TEST_F(BadInput, BrokenServiceIsListedWithItsErrorsAndCannotBeActedOn) {
  controller_->write_registry(hosts() +
                              "services:\n  lost:\n    current_host: atlantis\n"
                              "    docker_compose: /srv/x.yml\n");
  await_until("it is listed", 30s, [] {
    return !controller_->row("/api/services", "services", "lost").is_null();
  });
  const auto row = controller_->row("/api/services", "services", "lost");
  EXPECT_EQ(row["status"], "unknown");
  ASSERT_FALSE(row["config_errors"].empty());
  EXPECT_GT(row["config_errors"][0]["line"], 1);
  const auto answer = controller_->post("/api/services/lost/start");
  EXPECT_EQ(answer.status, 422U);
  EXPECT_EQ(answer.body["code"], "SERVICE_MISCONFIGURED");
}

}  // namespace
}  // namespace portoser::test
