// Native and local services on a host with a real systemd: a service with a unit and one with a
// service.yml, through the API.
#include "common/file.h"
#include "tests/integration/portoser.h"
#include "tests/support/await.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
namespace fs = std::filesystem;

constexpr auto sensor_unit = "portoser-sensor.service";

/// One host, booted once; each test finds both services running.
class World {
 public:
  World()
      : folder_("native"),
        app_(folder_ / "app"),
        network_(1),
        host_(network_, 1, folder_.path(), HostKind::systemd),
        controller_(folder_.path(), Network::address_of(Network::own_port)),
        agent_(host_) {
    fs::permissions(folder_.path(), fs::perms{0755});
    make_folder(app_, 0755);
    fs::permissions(app_, fs::perms{0777});
    write_file_atomic(app_ / "app.env", "GREETING=hello\n");
    write_service_file();
    controller_.set_environment({{"PORTOSER_SAMPLE_INTERVAL_MS", "500"},
                                 {"PORTOSER_HEARTBEAT_MS", "500"},
                                 {"PORTOSER_OFFLINE_AFTER_MS", "6000"},
                                 {"PORTOSER_GRACE_MS", "6000"}});
    agent_.set_environment({{"PORTOSER_HEARTBEAT_MS", "500"}});
    controller_.write_registry(
        fmt::format("hosts:\n  h1: {{ip: {}, ssh_user: nobody}}\n  h2: {{ip: {}}}\nservices:\n"
                    "  web: {{current_host: h2, deployment_type: native, unit: nginx}}\n"
                    "  ticker: {{current_host: h1, deployment_type: native, unit: ticker}}\n"
                    "  sensor: {{current_host: h1, deployment_type: local, service_file: {}, port: "
                    "9444, dependencies: "
                    "[ticker]}}\n",
                    host_.address(),
                    Network::address_of(12),
                    (app_ / "service.yml").string()));
    host_.power_on();
    write_file_atomic(host_.disk() / "units/ticker.service",
                      "[Service]\nExecStart=/bin/sleep 1000000\nRestart=on-failure\n"
                      "RestartSec=300ms\n[Install]\nWantedBy=multi-user.target\n",
                      0644);
    host_.run({"systemctl", "daemon-reload"});
    host_.run({"systemctl", "enable", "--quiet", "--now", "ticker"});
    controller_.start();
    agent_.join(controller_.create_token());
    agent_.start();
    controller_.await_machine("h1", "online");
  }

  void write_service_file(const std::string& more = {}) const {
    write_file_atomic(app_ / "service.yml",
                      "port: 9444\nenv_file: app.env\ndependencies: [web]\n"
                      "start: echo \"$(id -un) $GREETING ${GREETING}\" > out.txt; "
                      "exec sleep 2000000\n"
                      // Two words and more: its own shell must not be found by it.
                      "stop: pkill -f \"sleep 2000000\"; echo stopped >> out.txt\n" +
                          more);
  }
  void make_whole() {
    if (!host_.is_on()) host_.power_on();
    if (!agent_.running()) agent_.start();
    controller_.await_machine("h1", "online");
    write_service_file();
    for (const auto* service : {"ticker", "sensor"}) {
      const auto answer = controller_.post(fmt::format("/api/services/{}/start", service));
      if (answer.status != 200) {
        throw Error{Code::internal, answer.text + agent_.log_tail() + journal()};
      }
      controller_.await_service(service, "running");
    }
  }
  [[nodiscard]] std::string journal() const {
    return run_command({"journalctl", "--no-pager", "-n", "40"}, {.within = host_.first_process()})
        .output;
  }

  TempFolder folder_;
  fs::path app_;
  Network network_;
  Host host_;
  ControllerProcess controller_;
  AgentProcess agent_;
};

class NativeServices : public testing::Test {
 protected:
  NativeServices()
      : world_(world()),
        host_(world_.host_),
        controller_(world_.controller_),
        agent_(world_.agent_) {
    world_.make_whole();
    for (const auto* service : {"ticker", "sensor"}) {
      for (const auto& event : controller_.events_of(service, 0)) {
        since_ = std::max(since_, event["id"].get<std::int64_t>());
      }
    }
  }
  static World& world() {
    static World made;
    return made;
  }

  ApiAnswer act(const std::string& service, const std::string& action) const {
    return controller_.post("/api/services/" + service + "/" + action);
  }
  [[nodiscard]] std::vector<std::string> events(const std::string& service) const {
    return types_of(controller_.events_of(service, since_));
  }
  void await_events(const std::string& service, const std::vector<std::string>& types) const {
    await_until(
        service + " has had these events",
        60s,
        [&] { return events(service) == types; },
        [&] {
          return fmt::format(
              "{}\n{}\n{}", fmt::join(events(service), ", "), agent_.log_tail(), world_.journal());
        });
  }
  [[nodiscard]] std::string property(const std::string& unit, const std::string& name) const {
    auto text = host_.run({"systemctl", "show", "--value", "-p", name, unit});
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
  }
  /// A power cut may take what the agent told and has not noted.
  void await_noted(const std::string& unit, const std::string& state) const {
    await_until(unit + " is noted as " + state, 60s, [&] {
      const auto noted = Json::parse(read_file(agent_.data() / "units.json"), nullptr, false);
      if (!noted.is_object()) return false;
      for (const auto& one : noted["containers"]) {
        if (one["seen"]["id"] == unit) return one["seen"]["state"] == state;
      }
      return false;
    });
  }
  void kill_main(const std::string& unit) const {
    host_.run({"systemctl", "kill", "--kill-who=main", "-s", "KILL", unit});
  }
  /// Reasons of what a restart, or a start of one that is down, would fail at.
  [[nodiscard]] std::vector<std::string> planned_errors(const std::string& service) const {
    const Json move{{"service_name", service}, {"from_machine", "h1"}, {"to_machine", "h1"}};
    const Json body{{"moves", Json::array({move})}};
    const auto answer = controller_.post(
        "/api/deployment/plan", dump(body), {{"Content-Type", "application/json"}});
    EXPECT_EQ(answer.status, 200U) << answer.text;
    std::vector<std::string> errors;
    if (answer.status != 200U) return errors;
    for (const auto& finding : answer.body["plan"][0]["findings"]) {
      if (finding["severity"] == "error") errors.push_back(finding["reason"]);
    }
    EXPECT_EQ(answer.body["ok"], errors.empty()) << answer.text;
    return errors;
  }
  [[nodiscard]] Json service(const std::string& name) const {
    return controller_.row("/api/services", "services", name);
  }

  World& world_;
  Host& host_;
  ControllerProcess& controller_;
  AgentProcess& agent_;
  std::int64_t since_ = 0;
};

TEST_F(NativeServices, AUnitIsStoppedStartedAndRestarted) {
  const auto first = property("ticker", "InvocationID");
  EXPECT_EQ(act("ticker", "stop").status, 200U);
  EXPECT_EQ(property("ticker", "ActiveState"), "inactive");
  EXPECT_EQ(service("ticker")["status"], "stopped");
  EXPECT_EQ(act("ticker", "start").status, 200U);
  EXPECT_EQ(service("ticker")["status"], "running");
  EXPECT_EQ(service("ticker")["health"], "healthy") << "its unit is active";
  const auto second = property("ticker", "InvocationID");
  EXPECT_EQ(act("ticker", "restart").status, 200U);
  EXPECT_NE(property("ticker", "InvocationID"), second);
  EXPECT_NE(second, first);
  await_events("ticker", {"stop", "start", "restart"});
}

TEST_F(NativeServices, AServiceOfAFileIsRunAsItsHostsUserWithItsEnvironment) {
  EXPECT_EQ(property(sensor_unit, "User"), "nobody");
  EXPECT_EQ(act("sensor", "restart").status, 200U);
  EXPECT_EQ(read_file(world_.app_ / "out.txt"), "nobody hello hello\n");
  EXPECT_EQ(act("sensor", "stop").status, 200U);
  EXPECT_THAT(read_file(world_.app_ / "out.txt"), HasSubstr("stopped\n"));
  EXPECT_EQ(service("sensor")["status"], "stopped");
  EXPECT_EQ(act("sensor", "stop").status, 200U) << "a second time";
  EXPECT_EQ(act("sensor", "start").status, 200U);
  EXPECT_EQ(act("sensor", "start").status, 200U) << "a second time";
  await_events("sensor", {"restart", "stop", "start"});
}

TEST_F(NativeServices, AKilledMainProcessIsAFailure) {
  kill_main("ticker");
  await_events("ticker", {"failure", "recovery"});  // systemd starts it again
  kill_main(sensor_unit);
  await_events("sensor", {"failure"});
  controller_.await_service("sensor", "stopped");
  EXPECT_THAT(service("sensor")["reason"].get<std::string>(), HasSubstr("exit 137 (SIGKILL)"));
  EXPECT_EQ(act("sensor", "start").status, 200U);
  await_events("sensor", {"failure", "start"});
}

TEST_F(NativeServices, WhatSomebodyElseDoesIsTold) {
  host_.run({"systemctl", "stop", "ticker"});
  await_events("ticker", {"stop"});
  host_.run({"systemctl", "start", "ticker"});
  await_events("ticker", {"stop", "start"});
  EXPECT_TRUE(controller_.events_of("ticker", since_)[0]["command_id"].is_null() ||
              controller_.events_of("ticker", since_)[0]["command_id"] == "");
}

TEST_F(NativeServices, ACommandThatLeavesItsWorkToAnotherProcessIsUp) {
  write_file_atomic(world_.app_ / "service.yml",
                    "start: sleep 2000001 & exit 0\nrestart: pkill -f 'sleep 2000001'; sleep "
                    "2000001 & true\n");
  EXPECT_EQ(act("sensor", "restart").status, 200U);
  EXPECT_EQ(property(sensor_unit, "MainPID"), "0");
  EXPECT_EQ(service("sensor")["status"], "running");
  const auto unit = property(sensor_unit, "InvocationID");
  EXPECT_EQ(act("sensor", "restart").status, 200U);
  EXPECT_EQ(property(sensor_unit, "InvocationID"), unit) << "its own restart command";
  EXPECT_EQ(service("sensor")["status"], "running");
  host_.run({"pkill", "-9", "-f", "sleep 2000001"});
  await_until("the failure is told", 60s, [&] {
    const auto types = events("sensor");
    return !types.empty() && types.back() == "failure";
  });
}

TEST_F(NativeServices, OneThatCannotBeStartedSaysWhatItWrote) {
  write_file_atomic(world_.app_ / "service.yml", "start: echo no sensor is plugged in; exit 3\n");
  const auto answer = act("sensor", "restart");
  EXPECT_EQ(answer.status, 502U) << answer.text;
  EXPECT_EQ(answer.body["reason"], "SERVICE_EXITED") << answer.text << agent_.log_tail();
  EXPECT_THAT(answer.text, HasSubstr("no sensor is plugged in"));
  write_file_atomic(world_.app_ / "service.yml", "stop: true\n");
  EXPECT_EQ(act("sensor", "start").body["reason"], "SERVICE_FILE_INVALID");
  EXPECT_EQ(act("sensor", "rebuild").body["reason"], "KIND_NOT_SUPPORTED");
}

TEST_F(NativeServices, WhatWouldNotStartIsRefusedBeforeAnythingStops) {
  EXPECT_THAT(planned_errors("sensor"), IsEmpty());
  EXPECT_THAT(planned_errors("ticker"), IsEmpty());
  const auto runs = property(sensor_unit, "InvocationID");
  write_file_atomic(world_.app_ / "service.yml", "start: sleep 2000000\nenv_file: none.env\n");
  EXPECT_THAT(planned_errors("sensor"), ElementsAre("SERVICE_FILE_INVALID"));
  const auto answer = act("sensor", "start");
  EXPECT_EQ(answer.status, 422U) << answer.text;
  EXPECT_EQ(answer.body["reason"], "SERVICE_FILE_INVALID");
  const auto again = act("sensor", "restart");
  EXPECT_EQ(again.status, 422U) << again.text;
  EXPECT_EQ(again.body["reason"], "SERVICE_FILE_INVALID");
  EXPECT_EQ(property(sensor_unit, "InvocationID"), runs);
  EXPECT_EQ(property(sensor_unit, "ActiveState"), "active");
}

TEST_F(NativeServices, APortIsInTheWayUnlessTheServiceItselfHoldsIt) {
  const std::string server = "/usr/bin/python3 -m http.server --bind 0.0.0.0 9444";
  const auto await_listening = [&] {
    await_until("somebody listens on 9444", 60s, [&] {
      return host_.run({"cat", "/proc/net/tcp"}).find(":24E4 ") != std::string::npos;
    });
  };
  // A child of the main process holds it.
  write_file_atomic(world_.app_ / "service.yml", "start: " + server + " & wait\n");
  EXPECT_EQ(act("sensor", "restart").status, 200U);
  await_listening();
  EXPECT_THAT(planned_errors("sensor"), IsEmpty());
  EXPECT_EQ(act("sensor", "stop").status, 200U);

  host_.run({"systemd-run", "--quiet", "--unit=squatter", "/bin/sh", "-c", "exec " + server});
  await_listening();
  EXPECT_THAT(planned_errors("sensor"), ElementsAre("PORT_TAKEN"));
  const auto answer = act("sensor", "start");
  EXPECT_EQ(answer.status, 422U) << answer.text;
  EXPECT_EQ(answer.body["reason"], "PORT_TAKEN");
  EXPECT_THAT(answer.text, HasSubstr("python3 (pid "));
  EXPECT_EQ(property(sensor_unit, "ActiveState"), "inactive");
  host_.run({"systemctl", "stop", "squatter"});
  EXPECT_EQ(act("sensor", "start").status, 200U);
  EXPECT_EQ(act("sensor", "stop").status, 200U) << "for whom another file is written next";
}

TEST_F(NativeServices, WhatTheyUseIsMeasured) {
  for (const auto* name : {"ticker", "sensor"}) {
    const auto path = fmt::format("/api/metrics/{}/h1?range=15m", name);
    await_until(
        std::string{"the use of "} + name + " is there",
        60s,
        [&] {
          const auto answer = controller_.get(path);
          const auto current = answer.body.value("current", Json::object());
          const auto bytes = current.value("memory_used", Json(nullptr));
          const auto percent = current.value("cpu_percent", Json(nullptr));
          // A process that sleeps has some hundred KiB, and not the whole host's.
          return bytes.is_number() && bytes > 50'000 && bytes < 20'000'000 && percent.is_number() &&
                 percent < 50;
        },
        [&] { return controller_.get(path).text + agent_.log_tail(); });
  }
  EXPECT_EQ(act("ticker", "stop").status, 200U);
  await_until("nothing is said of one that does not run", 60s, [&] {
    const auto rows =
        controller_.get("/api/metrics/machine/h1").body.value("services", Json::array());
    for (const auto& row : rows) {
      if (row["service"] == "ticker") return row["stale"] == true;
    }
    return true;
  });
}

TEST_F(NativeServices, WhatTheirFilesNameIsADependency) {
  Json edge;
  const auto graph = [&] { return controller_.get("/api/dependencies/graph").body; };
  await_until(
      "its service.yml has been read",
      90s,
      [&] {
        const auto edges = graph()["edges"];
        for (const auto& one : edges) {
          if (one["to"] == "web") edge = one;
        }
        return !edge.is_null();
      },
      [&] { return dump(graph()); });
  EXPECT_EQ(edge["from"], "sensor");
  EXPECT_EQ(edge["source"], "service_yml");
  HttpClient client{controller_.port()};
  const auto refused = client.request("DELETE",
                                      "/api/dependencies/remove",
                                      R"({"service":"sensor","dependency":"web"})",
                                      {{"Content-Type", "application/json"}});
  EXPECT_EQ(refused.status, 409U) << refused.body;
  EXPECT_EQ(Json::parse(refused.body)["reason"], "DEPENDENCY_IN_FILE") << refused.body;
}

TEST_F(NativeServices, AllOfAHostAreRestartedInTheOrderOfTheirNeeds) {
  const auto answer = controller_.post("/api/machines/h1/restart");
  ASSERT_EQ(answer.status, 200U) << answer.text;
  ASSERT_EQ(answer.body["results"].size(), 2U);
  EXPECT_EQ(answer.body["results"][0]["service"], "ticker");
  EXPECT_EQ(answer.body["results"][1]["service"], "sensor");
  await_events("ticker", {"restart"});
  await_events("sensor", {"restart"});
}

TEST_F(NativeServices, WhatHappensWhileTheAgentIsDownIsToldOnce) {
  agent_.kill();
  kill_main(sensor_unit);
  host_.run({"systemctl", "stop", "ticker"});
  agent_.start();
  await_events("sensor", {"failure"});
  await_events("ticker", {"stop"});
  agent_.stop();
  agent_.start();
  controller_.await_service("ticker", "stopped");
  EXPECT_THAT(events("sensor"), ElementsAre("failure"));
}

TEST_F(NativeServices, ASystemdThatReExecutesItselfIsNoEvent) {
  host_.run({"systemctl", "daemon-reexec"});
  host_.run({"systemctl", "daemon-reload"});
  EXPECT_EQ(act("ticker", "restart").status, 200U);
  await_events("ticker", {"restart"});
  EXPECT_THAT(events("sensor"), IsEmpty());
  controller_.await_service("sensor", "running");
}

TEST_F(NativeServices, ARebootUndoesNothing) {
  EXPECT_EQ(act("ticker", "stop").status, 200U);
  EXPECT_EQ(property("ticker", "UnitFileState"), "disabled");
  await_noted("ticker.service", "exited");
  host_.power_off();
  host_.power_on();
  agent_.start();
  controller_.await_machine("h1", "online");
  controller_.await_service("sensor", "running");
  controller_.await_service("ticker", "stopped");
  await_events("sensor", {"restart"});
  EXPECT_EQ(act("ticker", "start").status, 200U);
  EXPECT_EQ(property("ticker", "UnitFileState"), "enabled");
  EXPECT_EQ(act("sensor", "stop").status, 200U);
  await_noted(sensor_unit, "exited");
  await_noted("ticker.service", "running");
  host_.power_off();
  host_.power_on();
  agent_.start();
  controller_.await_machine("h1", "online");
  controller_.await_service("ticker", "running");
  controller_.await_service("sensor", "stopped");
  await_events("ticker", {"stop", "start", "restart"});
  await_events("sensor", {"restart", "stop"});
}

TEST_F(NativeServices, AHostThatShutsDownStopsNoService) {
  host_.shut_down();
  controller_.await_machine("h1", "offline");
  host_.power_on();
  agent_.start();
  controller_.await_service("ticker", "running");
  controller_.await_service("sensor", "running");
  await_events("ticker", {"restart"});
  await_events("sensor", {"restart"});
}

TEST_F(NativeServices, AreRefusedWithTheReasonWhereNoSystemdRuns) {
  Host plain{world_.network_, 2, world_.folder_.path()};
  plain.power_on();
  AgentProcess agent{plain};
  agent.join(controller_.create_token());
  agent.start();
  controller_.await_machine("h2", "online");
  const auto answer = act("web", "restart");
  EXPECT_EQ(answer.status, 503U) << answer.text;
  EXPECT_EQ(answer.body["reason"], "SYSTEMD_MISSING");
  await_until("the reason is shown", 60s, [&] {
    return service("web")["reason"] == "this host runs no systemd";
  });
  EXPECT_EQ(service("web")["status"], "unknown");
  EXPECT_EQ(controller_.row("/api/machines", "machines", "h2")["status"], "online");
}

}  // namespace
}  // namespace portoser::test
