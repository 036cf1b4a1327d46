// Resident memory and CPU of the agent with 20 containers, beside prometheus-node-exporter, which
// knows nothing of containers, scraped as often.

#include "tests/bench/process_cost.h"
#include "tests/integration/portoser.h"
#include "tests/support/await.h"
#include "tests/support/engine.h"
#include "tests/support/images.h"

#include <fmt/format.h>

#include <thread>

using namespace portoser::test;
using namespace portoser::bench;

namespace {

constexpr int containers = 20;
constexpr int samples = 24;
constexpr std::chrono::seconds interval{5};

}  // namespace

int main() {
  const TempFolder folder{"bench"};
  PrivateEngine engine;
  load_images(engine);
  for (int i = 0; i < containers; ++i) {
    engine.docker({"run", "-d", "--name", fmt::format("c{}", i), busybox_image, "sleep", "100000"});
  }
  ControllerProcess controller{folder.path()};
  controller.write_registry("hosts:\n  brick: {ip: 127.0.0.1}\nservices: {}\n");
  controller.start();
  AgentProcess agent{folder.path(), "brick", engine.socket()};
  agent.join(controller.create_token());
  agent.start();
  controller.await_machine("brick", "online");

  const auto port = free_port();
  ProcessRequest request;
  request.argv = {"prometheus-node-exporter",
                  fmt::format("--web.listen-address=127.0.0.1:{}", port)};
  const Process exporter{std::move(request)};
  await_until("the exporter answers", std::chrono::seconds{20}, [&] {
    try {
      return HttpClient{port}.get("/metrics").status == 200;
    } catch (const std::exception&) {
      return false;
    }
  });

  const auto agent_before = cpu_seconds(agent.pid());
  const auto exporter_before = cpu_seconds(exporter.pid());
  for (int i = 0; i < samples; ++i) {
    std::this_thread::sleep_for(interval);
    HttpClient{port}.get("/metrics");
  }
  const auto agent_ms = (cpu_seconds(agent.pid()) - agent_before) * 1000 / samples;
  const auto exporter_ms = (cpu_seconds(exporter.pid()) - exporter_before) * 1000 / samples;
  fmt::print("agent, {} containers: {:.1f} MiB resident, {:.2f} ms CPU a sample\n",
             containers,
             resident_mib(agent.pid()),
             agent_ms);
  fmt::print("prometheus-node-exporter: {:.1f} MiB resident, {:.2f} ms CPU a scrape\n",
             resident_mib(exporter.pid()),
             exporter_ms);
  fmt::print("ratio (exporter / agent): memory {:.1f}, CPU {:.1f}\n",
             resident_mib(exporter.pid()) / resident_mib(agent.pid()),
             exporter_ms / agent_ms);
}
