#include "tests/cluster/crash_by_hand.h"

#include "common/clock.h"
#include "tests/support/await.h"

#include <fmt/core.h>

#include <chrono>
#include <csignal>
#include <sstream>
#include <vector>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;

/// One of the engine's events of a container.
struct EngineEvent {
  std::string action;
  std::int64_t time_ns = 0;
  int number = 0;  ///< exit code of `die`, signal of `kill`
};

std::vector<EngineEvent> events_since(const Host& machine,
                                      const std::string& container,
                                      const std::string& since) {
  const auto now_us = to_unix_us(SystemClock{}.now());
  std::istringstream lines{machine.docker(
      {"events",
       "--since",
       since,
       "--until",
       fmt::format("{}.{:06}", now_us / 1'000'000, now_us % 1'000'000),
       "--filter",
       "container=" + container,
       "--format",
       "{{.Action}} {{.TimeNano}} {{with .Actor.Attributes}}{{.exitCode}}{{.signal}}{{end}}"})};
  std::vector<EngineEvent> events;
  for (std::string line; std::getline(lines, line);) {
    // What an event has not is written as "<no value>".
    for (auto at = line.find("<no value>"); at != std::string::npos; at = line.find("<no value>")) {
      line.erase(at, 10);
    }
    std::istringstream words{line};
    EngineEvent event;
    if (words >> event.action >> event.time_ns) {
      words >> event.number;
      events.push_back(std::move(event));
    }
  }
  return events;
}

void strike(const Host& machine, const std::string& container, Weapon weapon) {
  if (weapon == Weapon::engine) {
    machine.docker({"kill", container});
    return;
  }
  // In the host's own numbers, which are not ours.
  const auto pid = std::stoi(machine.docker({"inspect", "--format", "{{.State.Pid}}", container}));
  if (pid < 2) throw std::runtime_error{"it does not run"};
  machine.run({"kill", "-KILL", std::to_string(pid)});
}

}  // namespace

std::optional<CrashByHand> crash_by_hand(const ClusterHost& host, Weapon weapon) {
  const auto& machine = host.machine();
  std::optional<CrashByHand> crash;
  try {
    const auto container = host.container();
    const auto since = machine.docker({"inspect", "--format", "{{.State.StartedAt}}", container});
    strike(machine, container, weapon);
    await_until("the engine has seen it", 60s, [&] {
      CrashByHand found{.container = container, .weapon = weapon};
      for (const auto& event :
           events_since(machine, container, since.substr(0, since.find('\n')))) {
        if (event.action == "kill" && event.number != SIGKILL) found.was_being_stopped = true;
        if (event.action != "die") continue;
        found.died_us = event.time_ns / 1000;
        // Another exit code: something else was faster.
        if (event.number == 128 + SIGKILL) crash = found;
        return true;
      }
      return false;
    });
  } catch (const std::exception&) {
    // Removed by an action meanwhile, or not there at all.
  }
  return crash;
}

}  // namespace portoser::test
