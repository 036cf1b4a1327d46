// What the web UI and scripts read, from a running controller with one host and one service.

#include "common/clock.h"
#include "tests/integration/portoser.h"
#include "tests/support/await.h"
#include "tests/support/compose_project.h"
#include "tests/support/engine.h"
#include "tests/support/images.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/statvfs.h>

#include <fstream>
#include <set>
#include <unistd.h>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsSupersetOf;

constexpr double mebibyte = 1 << 20;

/// The service holds 40 MiB in memory and does nothing.
class Surface : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    load_images(PrivateEngine::shared());
    folder_ = std::make_unique<TempFolder>("surface");
    ComposeService hold;
    hold.name = "hold";
    hold.image = busybox_image;
    hold.command = {
        "sh", "-c", "dd if=/dev/zero of=/dev/shm/held bs=1048576 count=40; exec sleep 100000"};
    project_ = std::make_unique<ComposeProject>(*folder_ / "ledger", std::vector{hold});
    controller_ = std::make_unique<ControllerProcess>(folder_->path());
    controller_->write_registry(
        "domain: attic.test\nhosts:\n  brick: {ip: 127.0.0.1}\n  chalk: {ip: 127.0.0.2}\n"
        "services:\n  ledger: {current_host: brick, docker_compose: " +
        project_->file().string() + "}\n");
    controller_->start();
    agent_ =
        std::make_unique<AgentProcess>(folder_->path(), "brick", PrivateEngine::shared().socket());
    agent_->join(controller_->create_token());
    agent_->start();
    controller_->await_machine("brick", "online");
    started_ = controller_->post("/api/services/ledger/start");
    ASSERT_EQ(started_.status, 200U) << started_.text << agent_->log_tail();
    controller_->await_service("ledger", "running");
  }
  static void TearDownTestSuite() {
    agent_.reset();
    controller_.reset();
    project_.reset();
    folder_.reset();
  }

  static Json current() {
    return controller_->get("/api/metrics/ledger/brick").body.value("current", Json::object());
  }

  static std::unique_ptr<TempFolder> folder_;
  static std::unique_ptr<ComposeProject> project_;
  static std::unique_ptr<ControllerProcess> controller_;
  static std::unique_ptr<AgentProcess> agent_;
  static ApiAnswer started_;
};

std::unique_ptr<TempFolder> Surface::folder_;
std::unique_ptr<ComposeProject> Surface::project_;
std::unique_ptr<ControllerProcess> Surface::controller_;
std::unique_ptr<AgentProcess> Surface::agent_;
ApiAnswer Surface::started_;

TEST_F(Surface, OpenApiNamesEveryPathAndSocketThatThereIs) {
  auto document = controller_->get("/openapi.json").body;
  EXPECT_THAT(document["openapi"].get<std::string>(), testing::StartsWith("3."));
  std::set<std::string> declared;
  for (const auto& [path, operations] : document["paths"].items()) {
    for (const auto& [method, operation] : operations.items()) {
      declared.insert(method + " " + path);
      for (const auto& [status, response] : operation["responses"].items()) {
        if (status[0] != '2' || status == "204") continue;
        EXPECT_TRUE(response.contains("content")) << method << " " << path << " " << status;
      }
    }
  }
  EXPECT_THAT(declared,
              IsSupersetOf({"get /api/services",
                            "get /api/services/{service}",
                            "get /api/machines",
                            "get /api/machines/{machine}",
                            "get /api/devices",
                            "get /api/config",
                            "get /ping",
                            "get /health",
                            "post /api/services/{service}/start",
                            "post /api/services/{service}/stop",
                            "post /api/services/{service}/restart",
                            "post /api/services/{service}/rebuild",
                            "get /api/jobs",
                            "get /api/jobs/{id}",
                            "get /api/jobs/{id}/log",
                            "post /api/jobs/{id}/cancel",
                            "get /api/metrics",
                            "get /api/metrics/all",
                            "get /api/metrics/{service}/{machine}",
                            "get /api/metrics/machine/{machine}",
                            "get /metrics",
                            "post /api/v1/devices"}));
}

TEST_F(Surface, ConfigTellsTheUiHowToSignIn) {
  auto answer = controller_->get("/api/config");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_TRUE(answer.body.is_object()) << answer.text;
  EXPECT_FALSE(answer.body.empty());
}

TEST_F(Surface, HealthSaysThatTheControllerAndItsRegistryAreWell) {
  auto answer = controller_->get("/health");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.body["status"], "healthy") << answer.text;
}

TEST_F(Surface, LogOfAJobIsReadFromAnyLineOn) {
  const auto id = started_.body["job_id"].get<std::string>();
  auto whole = controller_->get("/api/jobs/" + id + "/log").body;
  ASSERT_GE(whole["lines"].size(), 2U) << dump(whole);
  auto rest = controller_->get("/api/jobs/" + id + "/log?offset=1&limit=1").body;
  ASSERT_EQ(rest["lines"].size(), 1U) << dump(rest);
  EXPECT_EQ(rest["lines"][0], whole["lines"][1]);
  auto wrong = controller_->get("/api/jobs/" + id + "/log?offset=some");
  EXPECT_GE(wrong.status, 400U);
  EXPECT_THAT(wrong.text, HasSubstr("offset"));
}

TEST_F(Surface, MachineWithoutAnAgentIsUnknownNotZero) {
  auto all = controller_->get("/api/metrics/all").body;
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1]["machine"], "chalk");
  EXPECT_EQ(all[1]["status"], "unavailable");
  EXPECT_TRUE(all[1]["cpu_percent"].is_null()) << dump(all[1]);
  EXPECT_TRUE(all[1]["memory_total"].is_null());
}

TEST_F(Surface, FlatViewHasARowForEachService) {
  await_until("the service has a sample", 30s, [] { return current()["memory_used"].is_number(); });
  auto rows = controller_->get("/api/metrics/all?view=services").body;
  ASSERT_TRUE(rows.is_array()) << dump(rows);
  ASSERT_EQ(rows.size(), 1U) << dump(rows);
  EXPECT_EQ(rows[0]["service"], "ledger");
  EXPECT_EQ(rows[0]["machine"], "brick");
  EXPECT_TRUE(rows[0]["memory_used"].is_number()) << dump(rows);
}

TEST_F(Surface, HeldMemoryIsSeenAsDockerSeesIt) {
  await_until(
      "the memory is held",
      30s,
      [] { return current().value("memory_used", Json{}) >= Json(40 * mebibyte); },
      [] { return dump(current()); });
  const auto used = current()["memory_used"].get<double>() / mebibyte;
  EXPECT_LT(used, 60) << "40 MiB are held, and a shell";
  const auto id = PrivateEngine::shared().docker({"ps", "-q"});
  const auto docker = PrivateEngine::shared().docker(
      {"stats", "--no-stream", "--format", "{{.MemUsage}}", id.substr(0, id.find('\n'))});
  ASSERT_THAT(docker, HasSubstr("MiB / ")) << docker;
  EXPECT_NEAR(used, std::stod(docker), 4) << docker;
}

/// A loop in a container, until the end of its scope.
class Burner {
 public:
  explicit Burner(std::string container) : container_(std::move(container)) {
    PrivateEngine::shared().docker(
        {"exec",
         "-d",
         container_,
         "sh",
         "-c",
         "while [ ! -e /dev/shm/enough ]; do :; done; rm /dev/shm/enough"});
  }
  ~Burner() {
    EXPECT_EQ(PrivateEngine::shared()
                  .try_docker({"exec", container_, "touch", "/dev/shm/enough"})
                  .exit_status,
              0);
  }
  Burner(const Burner&) = delete;
  Burner& operator=(const Burner&) = delete;

 private:
  std::string container_;
};

TEST_F(Surface, ABurningCoreIsSeenAsDockerSeesIt) {
  auto id = PrivateEngine::shared().docker({"ps", "-q"});
  id.resize(id.find('\n'));
  const Burner burner{id};
  // Docker's hundred is one core, ours the machine. How much of a core the loop gets changes from
  // moment to moment, and the two look at different moments: once they must be near each other.
  const auto cores = static_cast<double>(::sysconf(_SC_NPROCESSORS_ONLN));
  std::string seen;
  await_until(
      "both see the same",
      120s,
      [&] {
        const auto docker = std::stod(PrivateEngine::shared().docker(
            {"stats", "--no-stream", "--format", "{{.CPUPerc}}", id}));
        const auto cpu = current().value("cpu_percent", Json{});
        seen = "docker " + std::to_string(docker) + ", ours " + dump(cpu);
        if (!cpu.is_number() || docker < 10) return false;
        const auto ratio = cpu.get<double>() * cores / docker;
        return ratio > 0.75 && ratio < 1.33;
      },
      [&] { return seen; });
}

TEST_F(Surface, HostAgreesWithTheKernelsOwnFiles) {
  auto row = controller_->get("/api/metrics/machine/brick").body;
  std::ifstream uptime{"/proc/uptime"};
  double since_boot = 0;
  uptime >> since_boot;
  ASSERT_GT(since_boot, 0);
  const auto booted = time_from_rfc3339(row.at("boot_time").get<std::string>());
  ASSERT_TRUE(booted) << dump(row);
  const auto running = std::chrono::duration<double>(std::chrono::system_clock::now() - *booted);
  EXPECT_NEAR(running.count(), since_boot, 5);

  struct statvfs root {};
  ASSERT_EQ(::statvfs("/", &root), 0);
  const auto size = static_cast<double>(root.f_blocks) * static_cast<double>(root.f_frsize);
  EXPECT_NEAR(row["disk_total"].get<double>(), size, size * 0.01) << dump(row);
}

TEST_F(Surface, MetricsSocketTellsOnlyWhatWasAskedFor) {
  SocketClient socket{controller_->port(), "/api/metrics/ws"};
  EXPECT_EQ(Json::parse(*socket.receive())["type"], "connected");
  socket.send("ping");
  frames_until(socket, [](const Json& frame) { return frame["type"] == "pong"; });
  socket.send(R"({"action":"subscribe","subscriptions":["ledger@brick","nonsense"]})");
  auto frames =
      frames_until(socket, [](const Json& frame) { return frame["type"] == "metrics_update"; });
  EXPECT_EQ(frames.back()["service"], "ledger") << dump(frames.back());
  EXPECT_EQ(frames.back()["machine"], "brick");
  EXPECT_TRUE(std::any_of(frames.begin(), frames.end(), [](const Json& frame) {
    return frame["type"] == "error" &&
           frame["message"].get<std::string>().find("nonsense") != std::string::npos;
  })) << "what is wrong with a subscription is said";

  socket.send(R"({"action":"unsubscribe","subscriptions":["ledger@brick"]})");
  socket.send(R"({"action":"subscribe","subscriptions":["*@brick"]})");
  frames_until(socket, [](const Json& frame) { return frame["type"] == "machine_metrics_update"; });
  socket.send("{nonsense");
  frames_until(socket, [](const Json& frame) { return frame["type"] == "error"; });
  socket.send(R"({"action":"dance"})");
  auto unknown = frames_until(socket, [](const Json& frame) { return frame["type"] == "error"; });
  EXPECT_THAT(unknown.back()["message"].get<std::string>(), HasSubstr("dance"));
}

}  // namespace
}  // namespace portoser::test
