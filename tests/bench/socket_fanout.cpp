// How long an event takes to 500 clients of /api/uptime/ws, with and without one among them that
// does not read.

#include "common/describe_json.h"
#include "tests/bench/process_cost.h"
#include "tests/integration/portoser.h"
#include "tests/integration/process_usage.h"
#include "tests/support/await.h"
#include "tests/support/socket_crowd.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

using namespace portoser::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t clients = 500;
constexpr std::size_t events = 400;

std::string note(const std::string& details) {
  return portoser::dump(portoser::Json{{"event_type", "deployment"},
                                       {"service", "notes"},
                                       {"machine", "brick"},
                                       {"details", details}});
}

struct Measured {
  double p50_ms = 0;
  double p99_ms = 0;
  double cpu_us_a_frame = 0;
};

/// From the request that notes the event to its frame, over all clients and events.
Measured measure(const ControllerProcess& controller, SocketCrowd& crowd, HttpClient& http) {
  const std::string details(4000, 'x');
  crowd.forget();
  const auto cpu = portoser::bench::cpu_seconds(controller.pid());
  std::vector<std::chrono::steady_clock::time_point> begun;
  for (std::size_t i = 0; i < events; ++i) {
    begun.push_back(std::chrono::steady_clock::now());
    http.post("/api/uptime/event", note(details));
    await_until(
        "all have it", 60s, [&] { return crowd.count(crowd.size() - 1, "\"uptime_event\"") > i; });
  }
  await_until("all have all", 60s, [&] { return crowd.fewest("\"uptime_event\"") == events; });
  const auto used = portoser::bench::cpu_seconds(controller.pid()) - cpu;
  std::vector<double> delays;
  for (std::size_t client = 0; client < crowd.size(); ++client) {
    const auto frames = crowd.received(client, "\"uptime_event\"");
    for (std::size_t i = 0; i < events; ++i) {
      delays.push_back(
          std::chrono::duration<double, std::milli>(frames.at(i).when - begun[i]).count());
    }
  }
  std::sort(delays.begin(), delays.end());
  return {delays[delays.size() / 2],
          delays[delays.size() * 99 / 100],
          used * 1e6 / static_cast<double>(events * crowd.size())};
}

}  // namespace

int main() {
  raise_own_descriptor_limit();
  const TempFolder folder{"bench"};
  ControllerProcess controller{folder.path()};
  controller.write_registry(
      "hosts:\n  brick: {ip: 127.0.0.1}\nservices:\n  notes: {current_host: brick, "
      "docker_compose: /srv/notes/compose.yml}\n");
  controller.start();
  SocketCrowd crowd{controller.port(), "/api/uptime/ws", clients - 1, ""};
  HttpClient http{controller.port()};
  measure(controller, crowd, http);  // warm
  const auto alone = measure(controller, crowd, http);
  const SocketClient asleep{controller.port(), "/api/uptime/ws"};
  const auto beside = measure(controller, crowd, http);
  const auto told = [](const char* what, const Measured& measured) {
    fmt::print("{}: p50 {:.2f} ms, p99 {:.2f} ms, {:.1f} us CPU a frame\n",
               what,
               measured.p50_ms,
               measured.p99_ms,
               measured.cpu_us_a_frame);
  };
  told("499 clients", alone);
  told("the same beside one that does not read", beside);
  fmt::print(
      "frames that one lost: {:.0f}\n",
      controller.metric("portoser_ws_dropped_total{endpoint=\"/api/uptime/ws\",reason=\"slow\"}")
          .value_or(0));
  fmt::print("memory of the controller: {} KiB\n", resident_kib(controller.pid()));
}
