// packaging/quickstart as a newcomer runs it, on the programs of this build: without an engine,
// with one, again, and to the end.

#include "common/file.h"
#include "tests/integration/portoser.h"
#include "tests/support/await.h"
#include "tests/support/engine.h"
#include "tests/support/programs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Quickstart : public testing::Test {
 protected:
  // The sample's own web server takes the port ten above.
  Quickstart() : folder_("quickstart"), port_(free_port(11)) { use_engine(folder_ / "none.sock"); }

  /// Whatever a failed test left running.
  ~Quickstart() override {
    try {
      EXPECT_EQ(run({"--stop"}).exit_status, 0);
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
    }
  }

  void use_engine(const std::filesystem::path& socket) {
    environment_["DOCKER_HOST"] = "unix://" + socket.string();
  }

  [[nodiscard]] std::vector<std::string> command(const std::vector<std::string>& options) const {
    std::vector<std::string> argv{std::string{PORTOSER_CHECKOUT} + "/packaging/quickstart",
                                  "--data",
                                  data().string(),
                                  "--no-install",
                                  "--no-build"};
    argv.insert(argv.end(), options.begin(), options.end());
    return argv;
  }
  [[nodiscard]] Environment environment() const {
    auto all = environment_;
    all["PORTOSER_BIN_DIR"] = build_folder().string();
    return all;
  }
  [[nodiscard]] CommandResult run(const std::vector<std::string>& options) const {
    return run_command(command(options), {.environment = environment(), .limit = 5min});
  }
  /// Runs it in the background; its output.
  std::string start(std::vector<std::string> options = {}) const {
    options.insert(options.end(), {"--port", std::to_string(port_), "--detach"});
    auto result = run(options);
    EXPECT_EQ(result.exit_status, 0) << result.output;
    return std::move(result.output);
  }

  [[nodiscard]] Json get(const std::string& path) const {
    return Json::parse(HttpClient{port_}.get(path).body);
  }
  [[nodiscard]] std::filesystem::path data() const { return folder_ / "data"; }
  [[nodiscard]] std::string pid_of(const std::string& program) const {
    return read_file(data() / (program + ".pid"));
  }
  /// A zombie that nobody has fetched yet runs no program any more.
  static bool runs(const std::string& pid) { return !program_of(pid).empty(); }
  static std::string program_of(const std::string& pid) {
    std::error_code error;
    return std::filesystem::read_symlink("/proc/" + std::to_string(std::stoi(pid)) + "/exe", error)
        .filename()
        .string();
  }

  TempFolder folder_;
  std::uint16_t port_;
  Environment environment_;
};

TEST_F(Quickstart, WithoutAnEngineShowsTheHostAndSaysWhatIsMissing) {
  const auto output = start();
  EXPECT_THAT(output, HasSubstr("No Docker engine answers at " + (folder_ / "none.sock").string()));
  EXPECT_THAT(output, HasSubstr("--with-engine"));
  EXPECT_THAT(output, HasSubstr("Portoser runs: http://127.0.0.1:" + std::to_string(port_)));
  EXPECT_THAT(output, Not(HasSubstr("/api/services/hello/restart"))) << "it cannot work";

  const auto machines = get("/api/machines")["machines"];
  ASSERT_EQ(machines.size(), 1U);
  EXPECT_EQ(machines[0]["status"], "online");
  EXPECT_EQ(machines[0]["engine_available"], false);
  await_until("there are host metrics", 30s, [&] {
    return get("/api/metrics/all")[0]["memory_total"].is_number();
  });
  EXPECT_EQ(get("/api/metrics/all")[0]["status"], "ok");
}

TEST_F(Quickstart, RunAgainItFindsWhatTheFirstRunMade) {
  EXPECT_THAT(start(), HasSubstr("Joining this machine"));
  const auto device = get("/api/devices")["devices"][0]["device_id"];
  const auto controller = pid_of("controller");
  const auto agent = pid_of("agent");
  EXPECT_TRUE(device.is_string()) << get("/api/devices");

  EXPECT_THAT(start(), HasSubstr("It runs already."));
  EXPECT_EQ(pid_of("controller"), controller);
  EXPECT_EQ(pid_of("agent"), agent);

  const auto stopped = run({"--stop"});
  EXPECT_EQ(stopped.exit_status, 0);
  EXPECT_THAT(stopped.output,
              AllOf(HasSubstr("Stopped the agent."), HasSubstr("Stopped the controller.")));
  EXPECT_FALSE(runs(controller));
  EXPECT_FALSE(runs(agent));
  EXPECT_THROW(get("/ping"), std::runtime_error);
  EXPECT_THAT(run({"--stop"}).output, HasSubstr("Nothing runs"));

  EXPECT_THAT(start(), AllOf(Not(HasSubstr("It runs already")), Not(HasSubstr("Joining"))));
  EXPECT_NE(pid_of("controller"), controller);
  const auto devices = get("/api/devices")["devices"];
  ASSERT_EQ(devices.size(), 1U);
  EXPECT_EQ(devices[0]["device_id"], device);
}

TEST_F(Quickstart, WhatIsWrongIsSaidAndLeavesNothingRunning) {
  const auto expect_refusal = [&](const std::vector<std::string>& options,
                                  const std::string& text) {
    const auto result = run(options);
    EXPECT_NE(result.exit_status, 0) << text;
    EXPECT_THAT(result.output, HasSubstr(text));
    EXPECT_FALSE(std::filesystem::exists(data() / "controller.pid")) << text;
  };
  expect_refusal({"--port", "many"}, "--port many: a number from 1 to 65472 is needed");
  expect_refusal({"--port", "65536"}, "--port 65536: a number from 1 to 65472 is needed");
  expect_refusal({"--port"}, "--port needs a value");
  expect_refusal({"--detached"}, "there is no option --detached");
  expect_refusal({"--registry", "/nonexistent/registry.yml"},
                 "--registry /nonexistent/registry.yml: there is no such file to read");
  expect_refusal({"--data", (folder_ / "two words").string()}, "letters, digits and");

  std::filesystem::create_directory(folder_ / "other");
  ControllerProcess other{folder_ / "other"};
  other.write_registry("hosts: {}\n");
  other.start();
  const auto taken = std::to_string(other.port());
  expect_refusal({"--port", taken}, "port " + taken + " is in use by another program");

  write_file_atomic(folder_ / "registry.yml", "hosts:\n  elsewhere: {ip: 192.0.2.7}\n");
  const auto own = run({"--port",
                        std::to_string(port_),
                        "--registry",
                        (folder_ / "registry.yml").string(),
                        "--detach"});
  EXPECT_NE(own.exit_status, 0);
  EXPECT_THAT(own.output, HasSubstr("has no host named"));
  EXPECT_THAT(own.output, HasSubstr("ip: ")) << "the lines to add";
  EXPECT_THAT(run({"--stop"}).output, HasSubstr("Nothing runs"));
}

TEST_F(Quickstart, InTheForegroundItEndsBothWithCtrlC) {
  ProcessRequest request{.argv = command({"--port", std::to_string(port_)}),
                         .environment = environment(),
                         .log_file = folder_ / "output"};
  const Process foreground{std::move(request)};
  await_until(
      "the logs follow",
      120s,
      [&] { return foreground.log().find("Ctrl-C stops") != std::string::npos; },
      [&] { return foreground.log_tail(); });
  const auto controller = pid_of("controller");
  const auto agent = pid_of("agent");
  foreground.signal(SIGINT);
  EXPECT_EQ(foreground.wait(60s), 0) << foreground.log_tail();
  EXPECT_FALSE(runs(controller));
  EXPECT_FALSE(runs(agent));
}

TEST_F(Quickstart, AnEngineThatDoesNotAnswerYetEndsWithIt) {
  if (std::filesystem::exists("/run/systemd/system")) {
    GTEST_SKIP() << "systemd runs here: quickstart leaves the engine to it";
  }
  // A dockerd that never answers. quickstart knows its programs by the name of what they execute,
  // so the script's interpreter is called dockerd too.
  std::filesystem::create_directories(folder_ / "bin/interpreter");
  const auto interpreter = folder_ / "bin/interpreter/dockerd";
  std::filesystem::copy_file("/bin/dash", interpreter);
  write_file_atomic(folder_ / "bin/dockerd",
                    "#!" + interpreter.string() + "\nwhile :; do sleep 0.1; done\n",
                    0755);
  environment_["PATH"] = (folder_ / "bin").string() + ":/usr/local/bin:/usr/bin:/bin";
  ProcessRequest request{.argv = command({"--port", std::to_string(port_), "--with-engine"}),
                         .environment = environment(),
                         .log_file = folder_ / "output"};
  const Process waiting{std::move(request)};
  std::string engine;
  await_until(
      "the engine is waited for",
      120s,
      [&] {
        if (!std::filesystem::exists(data() / "engine.pid")) return false;
        engine = pid_of("engine");
        return !engine.empty() && program_of(engine) == "dockerd";
      },
      [&] { return waiting.log_tail(); });
  waiting.signal(SIGTERM);
  EXPECT_NE(waiting.wait(60s), 0);
  EXPECT_FALSE(runs(engine)) << waiting.log_tail();
  EXPECT_THAT(waiting.log(), HasSubstr("Stopped the engine."));
}

class QuickstartWithEngine : public Quickstart {
 protected:
  QuickstartWithEngine() { use_engine(PrivateEngine::shared().socket()); }

  static std::string containers() {
    return PrivateEngine::shared().docker({"ps", "--format", "{{.ID}} {{.Image}}"});
  }
  /// Programs of this machine but for docker's.
  [[nodiscard]] std::string path_without_docker() const {
    const auto folder = folder_ / "bin";
    std::filesystem::create_directory(folder);
    for (const auto* each : {"/usr/local/bin", "/usr/bin", "/bin"}) {
      for (const auto& program : std::filesystem::directory_iterator{each}) {
        const auto name = program.path().filename().string();
        std::error_code taken;
        if (!name.starts_with("docker")) {
          std::filesystem::create_symlink(program.path(), folder / name, taken);
        }
      }
    }
    return folder.string();
  }
};

TEST_F(QuickstartWithEngine, SampleServicesRunAndOutliveIt) {
  EXPECT_THAT(start(), HasSubstr("/api/services/hello/restart"));
  for (const auto* name : {"hello", "clock"}) {
    await_until(
        "the service runs",
        60s,
        [&] { return get("/api/services/" + std::string{name})["status"] == "running"; },
        [&] { return dump(get("/api/services")); });
  }
  const auto page_port = get("/api/services/hello")["port"].get<std::uint16_t>();
  const auto page = [&] { return HttpClient{page_port}.get("/").body; };
  EXPECT_THAT(page(), HasSubstr("Hello from Portoser"));

  const auto before = containers();
  const auto answer = HttpClient{port_}.post("/api/services/hello/restart", "");
  EXPECT_EQ(answer.status, 200U) << answer.body;
  const auto after = containers();
  EXPECT_NE(after, before) << "a restart makes the containers anew";
  EXPECT_THAT(after, AllOf(HasSubstr("portoser/hello"), HasSubstr("portoser/sample")));

  EXPECT_EQ(run({"--stop"}).exit_status, 0);
  EXPECT_EQ(containers(), after);
  EXPECT_THAT(page(), HasSubstr("Hello from Portoser"));

  EXPECT_THAT(start(), Not(HasSubstr("Starting the service")));
  EXPECT_EQ(containers(), after);
  await_until("the service is known to run", 60s, [&] {
    return get("/api/services/hello")["status"] == "running";
  });
  for (const auto* name : {"hello", "clock"}) {
    const auto path = "/api/services/" + std::string{name} + "/stop";
    EXPECT_EQ(HttpClient{port_}.post(path, "").status, 200U);
  }
}

TEST_F(QuickstartWithEngine, WithoutComposeItGoesOnWithoutServices) {
  environment_["PATH"] = path_without_docker();
  const auto output = start();
  EXPECT_THAT(output, HasSubstr("A Docker engine answers"));
  EXPECT_THAT(output,
              AllOf(HasSubstr("docker (the command)"),
                    HasSubstr("docker compose or docker-compose"),
                    HasSubstr("docker.io and docker-compose")));
  EXPECT_THAT(output, Not(HasSubstr("/api/services/hello/restart")));
  EXPECT_EQ(get("/api/machines")["machines"][0]["status"], "online");
  EXPECT_EQ(get("/api/machines")["machines"][0]["engine_available"], true);
}

}  // namespace
}  // namespace portoser::test
