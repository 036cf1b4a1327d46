// From a container's event to the frame on /api/uptime/ws, behind the moment at which `docker
// events` on the same host shows it.

#include "tests/integration/portoser.h"
#include "tests/support/await.h"
#include "tests/support/compose_project.h"
#include "tests/support/engine.h"
#include "tests/support/images.h"
#include "tests/support/process.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <thread>

using namespace portoser::test;
using Clock = std::chrono::steady_clock;

namespace {

/// Two commands of docker a round, and each takes the better part of a second.
constexpr int rounds = 40;

double quantile(std::vector<double> values, double part) {
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1,
                         static_cast<std::size_t>(part * static_cast<double>(values.size())))];
}

/// The moments at which lines arrive on a stream.
struct Arrivals {
  std::mutex mutex;
  std::vector<Clock::time_point> times;
  void add() {
    const std::lock_guard lock{mutex};
    times.push_back(Clock::now());
  }
  std::size_t count() {
    const std::lock_guard lock{mutex};
    return times.size();
  }
};

}  // namespace

int main() {
  const TempFolder folder{"bench"};
  PrivateEngine engine;
  load_images(engine);
  const ComposeProject project{
      folder / "notes",
      {{.name = "web", .image = busybox_image, .command = {"sleep", "100000"}, .restart = ""}}};
  ControllerProcess controller{folder.path()};
  controller.write_registry(
      "hosts:\n  brick: {ip: 127.0.0.1}\nservices:\n  notes: {current_host: brick, "
      "docker_compose: " +
      project.file().string() + "}\n");
  controller.start();
  AgentProcess agent{folder.path(), "brick", engine.socket()};
  agent.join(controller.create_token());
  agent.start();
  controller.await_machine("brick", "online");
  controller.post("/api/services/notes/start");
  auto id = engine.docker({"ps", "-q"});
  id.pop_back();

  Arrivals docker;
  Arrivals socket;
  SocketClient uptime{controller.port(), "/api/uptime/ws"};
  uptime.receive();  // the greeting
  // A pipe with a name: `docker events` never ends by itself, so it must be a process to be ended.
  const auto pipe = folder / "docker-events";
  if (::mkfifo(pipe.c_str(), 0600) != 0) throw std::runtime_error{"cannot make a pipe"};
  const std::unique_ptr<FILE, int (*)(FILE*)> events{::fopen(pipe.c_str(), "r+"), &::fclose};
  const Process docker_events{
      {.argv = {"docker", "events", "--filter", "event=die", "--filter", "event=start"},
       .environment = engine.environment(),
       .log_file = pipe}};
  std::thread docker_reader{[&] {
    char line[4096];
    while (docker.count() < 2 * rounds && std::fgets(line, sizeof line, events.get()) != nullptr)
      docker.add();
  }};
  std::atomic<bool> is_listening{false};
  std::thread socket_reader{[&] {
    while (socket.count() < 2 * rounds) {
      const auto text = uptime.receive();
      if (!text) break;
      if (text->find("\"uptime_event\"") == std::string::npos) continue;
      // The one of its first start may come after the greeting.
      if (is_listening) socket.add();
    }
  }};
  std::this_thread::sleep_for(std::chrono::seconds{1});  // until `docker events` listens
  is_listening = true;
  try {
    std::size_t told = 0;
    for (int i = 0; i < rounds; ++i) {
      for (const auto* action : {"kill", "start"}) {
        engine.docker({action, id});
        ++told;
        await_until(fmt::format("{} told, {} times, by both", action, i + 1),
                    std::chrono::seconds{20},
                    [&] { return docker.count() >= told && socket.count() >= told; });
      }
    }
  } catch (const std::exception& error) {
    // The readers block until their streams end, and those end with this program.
    fmt::print(stderr,
               "{} (docker events: {}, socket: {})\n",
               error.what(),
               docker.count(),
               socket.count());
    std::_Exit(1);
  }
  docker_reader.join();
  socket_reader.join();
  std::vector<double> behind;
  for (std::size_t i = 0; i < docker.times.size(); ++i) {
    behind.push_back(
        std::chrono::duration<double, std::milli>(socket.times[i] - docker.times[i]).count());
  }
  fmt::print(
      "{} events, frame on /api/uptime/ws behind `docker events`: p50 {:.2f} ms, p99 {:.2f} ms\n",
      behind.size(),
      quantile(behind, 0.5),
      quantile(behind, 0.99));
}
