// The main job, end to end: join a host, see it and its services, act on them, through restarts of
// the agent and of the controller. Real processes, a real engine, real sockets.

#include "common/file.h"
#include "tests/integration/portoser.h"
#include "tests/support/await.h"
#include "tests/support/compose_project.h"
#include "tests/support/engine.h"
#include "tests/support/images.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <sstream>
#include <unistd.h>
#include <utility>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;

/// One controller, one joined agent and one compose service for all tests of this file: what they
/// leave behind is a running service.
class MainJob : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    load_images(PrivateEngine::shared());
    folder_ = std::make_unique<TempFolder>("main-job");
    web_port_ = free_port();
    ComposeService web;
    web.name = "web";
    web.port = web_port_;
    ComposeService side;
    side.name = "side";
    project_ = std::make_unique<ComposeProject>(*folder_ / "notes", std::vector{web, side});
    controller_ = std::make_unique<ControllerProcess>(folder_->path());
    controller_->write_registry(
        "domain: attic.test\nhosts:\n  brick:\n    ip: 127.0.0.1\n"
        "services:\n  notes:\n    current_host: brick\n"
        "    docker_compose: " +
        project_->file().string() +
        "\n    service_name: web\n    port: " + std::to_string(web_port_) + "\n");
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
    project_.reset();
    folder_.reset();
  }

  static ApiAnswer act(const std::string& action) {
    return controller_->post("/api/services/notes/" + action);
  }
  static void start_notes() {
    const auto answer = act("start");
    ASSERT_EQ(answer.status, 200U) << answer.text << controller_->log_tail() << agent_->log_tail();
    controller_->await_service("notes", "running");
  }
  static std::string container_of(const std::string& service) {
    auto id = PrivateEngine::shared().docker(
        {"ps", "-q", "--no-trunc", "--filter", "label=com.docker.compose.service=" + service});
    while (!id.empty() && id.back() == '\n') id.pop_back();
    return id;
  }

  static std::string started_at(const std::string& container) {
    return PrivateEngine::shared().docker(
        {"inspect", "--format", "{{.State.StartedAt}}", container});
  }

  /// How long the container was down between its ends and its starts, as the engine tells.
  static double seconds_down(const std::string& container) {
    const auto now =
        std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch());
    std::istringstream events{PrivateEngine::shared().docker({"events",
                                                              "--since",
                                                              "1",
                                                              "--until",
                                                              fmt::format("{:.6f}", now.count()),
                                                              "--filter",
                                                              "container=" + container,
                                                              "--filter",
                                                              "event=die",
                                                              "--filter",
                                                              "event=start",
                                                              "--format",
                                                              "{{.TimeNano}} {{.Action}}"})};
    std::int64_t down = 0;
    std::int64_t died = 0;
    std::int64_t at = 0;
    for (std::string what; events >> at >> what;) {
      if (what == "die") died = at;
      if (what == "start" && died != 0) down += at - std::exchange(died, 0);
    }
    return static_cast<double>(down) / 1e9;
  }

  static std::unique_ptr<TempFolder> folder_;
  static std::uint16_t web_port_;
  static std::unique_ptr<ComposeProject> project_;
  static std::unique_ptr<ControllerProcess> controller_;
  static std::unique_ptr<AgentProcess> agent_;
};

std::unique_ptr<TempFolder> MainJob::folder_;
std::uint16_t MainJob::web_port_ = 0;
std::unique_ptr<ComposeProject> MainJob::project_;
std::unique_ptr<ControllerProcess> MainJob::controller_;
std::unique_ptr<AgentProcess> MainJob::agent_;

TEST_F(MainJob, HostIsShownWithItsFacts) {
  const auto machine = controller_->get("/api/machines/brick");
  ASSERT_EQ(machine.status, 200U) << machine.text;
  EXPECT_EQ(machine.body["status"], "online");
  EXPECT_EQ(machine.body["services_count"], 1);
  EXPECT_FALSE(machine.body["engine_version"].is_null()) << machine.text;
  // Asked for in the background: the tool takes its time to start.
  await_until("the compose tool has told its version", 60s, [] {
    return controller_->get("/api/machines/brick").body["compose_version"].is_string();
  });
  EXPECT_EQ(machine.body["services"][0]["name"], "notes");
  const auto devices = controller_->get("/api/devices");
  EXPECT_EQ(devices.body["total"], 1);
  EXPECT_EQ(devices.body["devices"][0]["hostname"], "brick");
  EXPECT_EQ(devices.body["devices"][0]["status"], "online");
}

TEST_F(MainJob, SampleAgreesWithTheMachine) {
  await_until("there is a percentage", 30s, [] {
    return controller_->get("/api/metrics/machine/brick")
        .body.value("cpu_percent", Json{})
        .is_number();
  });
  const auto row = controller_->get("/api/metrics/machine/brick").body;
  const auto pages = static_cast<double>(::sysconf(_SC_PHYS_PAGES));
  const auto total = pages * static_cast<double>(::sysconf(_SC_PAGE_SIZE));
  EXPECT_NEAR(row["memory_total"].get<double>(), total, total * 0.02);
  EXPECT_GE(row["cpu_percent"].get<double>(), 0);
  EXPECT_LE(row["cpu_percent"].get<double>(), 100);
  EXPECT_EQ(row["cpu_cores"], ::sysconf(_SC_NPROCESSORS_ONLN));
  EXPECT_GT(row["disk_total"].get<double>(), row["disk_used"].get<double>());
  EXPECT_EQ(row["status"], "ok");
  EXPECT_FALSE(row["stale"].get<bool>());
  const auto all = controller_->get("/api/metrics/all").body;
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0]["machine"], "brick");
}

TEST_F(MainJob, StartedServiceRunsAndItsUseAgreesWithDocker) {
  start_notes();
  EXPECT_EQ(HttpClient{web_port_}.get("/").status, 200U) << "the container answers on its port";
  await_until("the service has a sample", 30s, [] {
    const auto metrics = controller_->get("/api/metrics/notes/brick");
    return metrics.status == 200 && metrics.body["current"].is_object() &&
           metrics.body["current"]["cpu_percent"].is_number();
  });
  const auto current = controller_->get("/api/metrics/notes/brick").body["current"];
  const auto stats = PrivateEngine::shared().docker(
      {"stats", "--no-stream", "--format", "{{.MemPerc}}", container_of("web")});
  const auto docker_percent = std::stod(stats);
  EXPECT_NEAR(current["memory_percent"].get<double>(), docker_percent, 0.5);
  EXPECT_GT(current["memory_used"].get<double>(), 0);
  EXPECT_FALSE(current["network_rx_bytes"].is_null());
}

TEST_F(MainJob, RestartReplacesTheServicesContainerAndNoOther) {
  start_notes();
  PrivateEngine::shared().docker({"inspect", container_of("web")});
  must_run({"docker-compose", "-f", project_->file().string(), "up", "-d", "side"},
           {.environment = PrivateEngine::shared().environment(), .folder = project_->folder()});
  const auto web = container_of("web");
  const auto side = container_of("side");
  const auto started = started_at(side);
  SocketClient uptime{controller_->port(), "/api/uptime/ws"};
  const auto answer = act("restart");
  ASSERT_EQ(answer.status, 200U) << answer.text;
  EXPECT_NE(container_of("web"), web);
  EXPECT_EQ(container_of("side"), side);
  EXPECT_EQ(started_at(side), started);
  const auto frames =
      frames_until(uptime, [](const Json& frame) { return frame["type"] == "uptime_event"; });
  EXPECT_EQ(frames.back()["event_type"], "restart") << dump(frames.back());
  EXPECT_EQ(frames.back()["event"]["metadata"]["job_id"], answer.body["job_id"]);
}

TEST_F(MainJob, StoppedServiceIsShownStoppedAtOnceAndStaysDown) {
  start_notes();
  const auto id = container_of("web");
  const auto answer = controller_->post("/api/services/notes/stop?force=false", "null");
  ASSERT_EQ(answer.status, 200U) << answer.text;
  EXPECT_EQ(answer.body["success"], true);
  EXPECT_EQ(controller_->row("/api/services", "services", "notes")["status"], "stopped");
  const auto policy = PrivateEngine::shared().docker(
      {"inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}", id});
  EXPECT_THAT(policy, testing::StartsWith("no")) << "a reboot would start it again";
  start_notes();
  const auto given_back = PrivateEngine::shared().docker(
      {"inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}", container_of("web")});
  EXPECT_THAT(given_back, testing::StartsWith("unless-stopped"));
}

TEST_F(MainJob, ARemovedServiceIsStoppedAndWhatItHasStays) {
  start_notes();
  const auto container = container_of("web");
  HttpClient client{controller_->port()};
  const auto answer = client.request("DELETE", "/api/services/notes");
  ASSERT_EQ(answer.status, 200U) << answer.body << controller_->log_tail();
  const auto removed = Json::parse(answer.body);
  EXPECT_EQ(removed["stopped"], true);
  EXPECT_EQ(removed["left"].size(), 2U) << removed;
  EXPECT_EQ(controller_->get("/api/services/notes").status, 404U);
  EXPECT_EQ(PrivateEngine::shared().docker({"inspect", "--format", "{{.State.Status}}", container}),
            "exited\n");
  EXPECT_TRUE(std::filesystem::exists(project_->file()));
  const auto added = controller_->post("/api/services",
                                       dump(Json{{"name", "notes"},
                                                 {"current_host", "brick"},
                                                 {"docker_compose", project_->file().string()},
                                                 {"service_name", "web"},
                                                 {"port", web_port_}}));
  ASSERT_EQ(added.status, 201U) << added.text;
  controller_->await_service("notes", "stopped");
  start_notes();
}

TEST_F(MainJob, ContainerKilledByHandIsAFailureOnTheSocketThenARecovery) {
  start_notes();
  SocketClient uptime{controller_->port(), "/api/uptime/ws"};
  uptime.send(R"({"action":"subscribe","service":"notes"})");
  frames_until(uptime, [](const Json& frame) { return frame["type"] == "subscribed"; });
  // As a crash: the engine starts the container again by its policy.
  const auto pid = std::stoi(PrivateEngine::shared().docker(
      {"inspect", "--format", "{{.State.Pid}}", container_of("web")}));
  ASSERT_GT(pid, 1) << "0 and 1 would kill ourselves";
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  const auto frames = frames_until(uptime, [](const Json& frame) {
    return frame["type"] == "uptime_event" && frame["event_type"] == "recovery";
  });
  std::vector<std::string> types;
  for (const auto& frame : frames) {
    if (frame["type"] == "uptime_event") types.push_back(frame["event_type"]);
  }
  EXPECT_THAT(types, testing::Contains("failure"));
  controller_->await_service("notes", "running");
}

TEST_F(MainJob, ACrashLoopIsFiveFailuresOfItsUptimeWithTheirOutages) {
  ComposeProject project{*folder_ / "loop", {{.name = "looper"}}};
  const auto registry = read_file(controller_->registry());
  controller_->write_registry(registry + "  loop:\n    current_host: brick\n    docker_compose: " +
                              project.file().string() + "\n");
  controller_->await_service("loop", "stopped");
  auto answer = controller_->post("/api/services/loop/start");
  ASSERT_EQ(answer.status, 200U) << answer.text;
  const auto uptime = [] { return controller_->get("/api/uptime/loop/brick?days=1").body; };
  await_until("it is watched", 60s, [&] { return uptime().value("current_status", "") == "up"; });
  SocketClient events{controller_->port(), "/api/uptime/ws"};
  events.send(R"({"action":"subscribe","service":"loop"})");
  constexpr int crashes = 5;
  const auto id = container_of("looper");
  for (int i = 0; i < crashes; ++i) {
    const auto pid =
        std::stoi(PrivateEngine::shared().docker({"inspect", "--format", "{{.State.Pid}}", id}));
    ASSERT_GT(pid, 1) << "0 and 1 would kill ourselves";
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
    frames_until(events, [](const Json& frame) {
      return frame["type"] == "uptime_event" && frame["event_type"] == "recovery";
    });
  }
  await_until(
      "its uptime knows them",
      30s,
      [&] { return uptime()["recovery_count"] == crashes; },
      [&] { return dump(uptime()); });
  const auto outages = seconds_down(id);
  const auto told = uptime();
  EXPECT_EQ(told["failure_count"], crashes);
  EXPECT_EQ(told["current_status"], "up");
  constexpr double rounding = 1;  // downtime is in whole seconds
  EXPECT_NEAR(told["downtime_seconds"].get<double>() + rounding / 2, outages, rounding);
  EXPECT_NEAR(told["mttr_seconds"].get<double>(), outages / crashes, rounding / crashes);
  EXPECT_EQ(controller_->get("/api/uptime/loop/brick/events?eventType=failure").body["total"],
            crashes);
  EXPECT_EQ(types_of(controller_->events_of("loop", 0)).size(), 1U + 2U * crashes);
  controller_->post("/api/services/loop/stop");
  controller_->write_registry(registry);
}

TEST_F(MainJob, RebuildMakesTheImageAnew) {
  ComposeProject built{*folder_ / "built",
                       {{.name = "app", .image = "portoser-built/app", .build = "."}}};
  built.write_file("Dockerfile", "FROM portoser-test/httpd\nRUN echo first > /www/version\n");
  const auto registry = read_file(controller_->registry());
  controller_->write_registry(registry + "  built:\n    current_host: brick\n    docker_compose: " +
                              built.file().string() + "\n");
  controller_->await_service("built", "stopped");
  auto answer = controller_->post("/api/services/built/rebuild");
  ASSERT_EQ(answer.status, 200U) << answer.text;
  const auto version = [] {
    return PrivateEngine::shared().docker({"exec", container_of("app"), "cat", "/www/version"});
  };
  EXPECT_EQ(version(), "first\n");
  built.write_file("Dockerfile", "FROM portoser-test/httpd\nRUN echo second > /www/version\n");
  answer = controller_->post("/api/services/built/rebuild");
  ASSERT_EQ(answer.status, 200U) << answer.text;
  EXPECT_EQ(version(), "second\n");
  const auto job = controller_->get("/api/jobs/" + answer.body["job_id"].get<std::string>());
  EXPECT_EQ(job.body["state"], "succeeded");
  EXPECT_THAT(job.text, testing::HasSubstr("FROM portoser-test/httpd")) << "the tool's own lines";
  controller_->post("/api/services/built/stop");
  controller_->write_registry(registry);
}

TEST_F(MainJob, JobIsFollowedLineByLineOnTheSocket) {
  start_notes();
  SocketClient socket{controller_->port(), "/ws"};
  const auto answer = act("restart");
  ASSERT_EQ(answer.status, 200U) << answer.text;
  const auto frames = frames_until(
      socket, [](const Json& frame) { return frame["type"] == "deployment_completed"; });
  std::vector<std::string> types;
  for (const auto& frame : frames) types.push_back(frame["type"]);
  EXPECT_EQ(types.front(), "deployment_started");
  EXPECT_THAT(types, testing::Contains("deployment_log"));
  EXPECT_EQ(frames.back()["job_id"], answer.body["job_id"]);
  const auto id = frames.back()["deployment_id"].get<std::string>();
  const auto record = controller_->get("/api/history/deployments/" + id);
  EXPECT_EQ(record.body["job_id"], answer.body["job_id"]) << record.text;
}

TEST_F(MainJob, RespondAsyncAnswersAtOnceWithTheJob) {
  start_notes();
  const auto answer =
      controller_->post("/api/services/notes/restart", "", {{"Prefer", "respond-async"}});
  ASSERT_EQ(answer.status, 202U) << answer.text;
  const auto path = "/api/jobs/" + answer.body["job_id"].get<std::string>();
  await_until(
      "the job is over", 60s, [&] { return controller_->get(path).body["state"] == "succeeded"; });
}

TEST_F(MainJob, AgentAndControllerMayRestartInBetween) {
  start_notes();
  agent_->stop();
  controller_->await_machine("brick", "offline");
  EXPECT_EQ(controller_->row("/api/services", "services", "notes")["status"], "unknown");
  const auto refused = act("restart");
  EXPECT_EQ(refused.status, 503U);
  EXPECT_EQ(refused.body["code"], "AGENT_OFFLINE");
  agent_->start();
  controller_->await_machine("brick", "online");
  controller_->await_service("notes", "running");

  controller_->stop();
  // Happens while nobody listens, and must not be lost.
  const auto id = container_of("web");
  PrivateEngine::shared().docker({"stop", "-t", "5", id});
  controller_->start();
  controller_->await_machine("brick", "online");
  controller_->await_service("notes", "stopped");
  await_until("the event arrived", 30s, [] {
    SocketClient uptime{controller_->port(), "/api/uptime/ws"};
    uptime.send(R"({"action":"subscribe","service":"notes","since":0})");
    const auto frames = frames_until(uptime, [](const Json& frame) {
      return frame["type"] == "uptime_event" || frame["type"] == "pong" ||
             frame["type"] == "subscribed";
    });
    uptime.send("ping");
    const auto rest =
        frames_until(uptime, [](const Json& frame) { return frame["type"] == "pong"; });
    bool found = false;
    for (const auto& frame : rest) {
      found = found || (frame["type"] == "uptime_event" && frame["event_type"] == "stop");
    }
    return found;
  });
  start_notes();
}

TEST_F(MainJob, ControllerKilledDuringAJobLearnsHowItEnded) {
  start_notes();
  const auto answer =
      controller_->post("/api/services/notes/restart", "", {{"Prefer", "respond-async"}});
  ASSERT_EQ(answer.status, 202U) << answer.text;
  const auto id = answer.body["job_id"].get<std::string>();
  const auto path = "/api/jobs/" + id;
  await_until("the job writes", 60s, [&] { return controller_->job_writes(id); });
  controller_->kill();
  controller_->start();
  await_until(
      "the job has its outcome",
      90s,
      [&] { return controller_->get(path).body["state"] == "succeeded"; },
      [&] { return controller_->get(path).text + controller_->log_tail(); });
}

TEST_F(MainJob, AgentKilledDuringAJobReportsItsOutcome) {
  start_notes();
  const auto answer =
      controller_->post("/api/services/notes/restart", "", {{"Prefer", "respond-async"}});
  ASSERT_EQ(answer.status, 202U) << answer.text;
  const auto id = answer.body["job_id"].get<std::string>();
  const auto path = "/api/jobs/" + id;
  await_until("the job writes", 60s, [&] { return controller_->job_writes(id); });
  agent_->kill();
  agent_->start();
  await_until(
      "the job has its outcome",
      90s,
      [&] { return controller_->get(path).body["state"] == "succeeded"; },
      [&] { return controller_->get(path).text + agent_->log_tail(); });
}

}  // namespace
}  // namespace portoser::test
