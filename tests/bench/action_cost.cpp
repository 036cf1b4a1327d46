// What an action through the API takes beside the same compose command typed on the host, and which
// of its steps takes how long. The container has no health check, so that the command counts.
#include "common/clock.h"
#include "common/program.h"
#include "tests/integration/portoser.h"
#include "tests/support/compose_project.h"
#include "tests/support/engine.h"
#include "tests/support/images.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <vector>

using namespace portoser;
using namespace portoser::test;

namespace {

using Milliseconds = std::chrono::duration<double, std::milli>;
constexpr int rounds = 10;

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.at(values.size() / 2);
}

template <class Work>
double timed(Work work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return Milliseconds{std::chrono::steady_clock::now() - begin}.count();
}

/// How long each step of the newest job took.
std::map<std::string, double> steps_of_newest(ControllerProcess& controller) {
  std::map<std::string, double> steps;
  const auto id = controller.get("/api/jobs?limit=1").body["jobs"][0]["id"].get<std::string>();
  for (const auto& step : controller.get("/api/jobs/" + id).body["steps"]) {
    if (step["started_at"].is_null() || step["finished_at"].is_null()) continue;
    const auto time = [&](const char* key) {
      return time_from_rfc3339(step[key].get<std::string>()).value();
    };
    steps[step["name"]] = Milliseconds{time("finished_at") - time("started_at")}.count();
  }
  return steps;
}

void compare(ControllerProcess& controller,
             const PrivateEngine& engine,
             const std::string& action,
             const std::vector<std::string>& typed,
             const std::function<void()>& prepare) {
  std::vector<double> ours;
  std::vector<double> theirs;
  std::map<std::string, std::vector<double>> steps;
  for (int round = 0; round < rounds; ++round) {
    prepare();
    ours.push_back(timed([&] {
      const auto answer = controller.post("/api/services/notes/" + action);
      if (answer.status != 200) throw Error{Code::internal, answer.text};
    }));
    for (const auto& [name, took] : steps_of_newest(controller)) steps[name].push_back(took);
    prepare();
    theirs.push_back(timed([&] { must_run(typed, {.environment = engine.environment()}); }));
  }
  fmt::print("{}: {:.0f} ms through the API, {:.0f} ms typed (medians of {}); steps:",
             action,
             median(ours),
             median(theirs),
             rounds);
  for (const auto& [name, took] : steps) fmt::print(" {} {:.0f} ms", name, median(took));
  fmt::print("\n");
}

int measure() {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const TempFolder folder{"bench"};
  PrivateEngine engine;
  load_images(engine);
  const ComposeProject project{
      folder / "notes", {{.name = "web", .image = busybox_image, .command = {"sleep", "100000"}}}};
  ControllerProcess controller{folder.path()};
  controller.write_registry(
      fmt::format("hosts:\n  brick: {{ip: 127.0.0.1}}\nservices:\n  notes: {{current_host: brick, "
                  "docker_compose: {}}}\n",
                  project.file().string()));
  controller.start();
  AgentProcess agent{folder.path(), "brick", engine.socket()};
  agent.join(controller.create_token());
  agent.start();
  controller.await_machine("brick", "online");
  const auto compose = [&](std::vector<std::string> words) {
    std::vector<std::string> all{"docker-compose", "-f", project.file().string()};
    all.insert(all.end(), words.begin(), words.end());
    return all;
  };
  const auto run = [&](std::vector<std::string> words) {
    must_run(compose(std::move(words)), {.environment = engine.environment()});
  };
  run({"up", "-d"});
  controller.await_service("notes", "running");
  compare(controller, engine, "restart", compose({"up", "-d", "--force-recreate"}), [] {});
  compare(controller, engine, "start", compose({"up", "-d"}), [&] {
    run({"stop", "-t", "0"});
    controller.await_service("notes", "stopped");
  });
  compare(controller, engine, "stop", compose({"stop"}), [&] {
    run({"up", "-d"});
    controller.await_service("notes", "running");
  });
  return 0;
}

}  // namespace

int main() {
  return run_program("action_cost", measure);
}
