// How fast an agent that kept six hours of samples hands them over once its controller is back, and
// how late what it measures meanwhile is seen.

#include "common/clock.h"
#include "tests/integration/kept_samples.h"
#include "tests/integration/portoser.h"
#include "tests/support/await.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

using namespace portoser::test;
using namespace std::chrono_literals;
using portoser::time_from_rfc3339;
using Seconds = std::chrono::duration<double>;

namespace {

constexpr std::size_t samples = 4320;
constexpr std::chrono::seconds apart{5};
constexpr auto late = R"(metrics_ingested_total{source="agent",type="late"})";

/// Follows what is shown of the host; how old each sample was when it was seen first.
class Watch {
 public:
  explicit Watch(const ControllerProcess& controller) : controller_(controller) {}

  void look() {
    const auto row = controller_.get("/api/metrics/machine/brick").body;
    if (!row.is_object() || !row["timestamp"].is_string()) return;
    const auto shown = row["timestamp"].get<std::string>();
    if (shown == newest_) return;
    const bool is_first = newest_.empty();
    newest_ = shown;
    const auto measured = time_from_rfc3339(shown);
    // The first may have waited for the watch, not for the link.
    if (!measured || is_first) return;
    const Seconds age =
        std::chrono::system_clock::now().time_since_epoch() - measured->time_since_epoch();
    ages_ms_.push_back(age.count() * 1000);
  }
  std::vector<double> ages_ms() const {
    auto sorted = ages_ms_;
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  }

 private:
  const ControllerProcess& controller_;
  std::string newest_;
  std::vector<double> ages_ms_;
};

std::string spread(const std::vector<double>& sorted) {
  if (sorted.empty()) return "none";
  const auto over =
      std::count_if(sorted.begin(), sorted.end(), [](double age) { return age > 1000; });
  return fmt::format("{} samples, p50 {:.0f} ms, max {:.0f} ms, {} over 1 s",
                     sorted.size(),
                     sorted[sorted.size() / 2],
                     sorted.back(),
                     over);
}

}  // namespace

int main() {
  const TempFolder folder{"bench"};
  ControllerProcess controller{folder.path()};
  controller.set_environment({{"PORTOSER_SAMPLE_INTERVAL_MS", "1000"}});
  controller.write_registry("hosts:\n  brick: {ip: 127.0.0.1}\n");
  controller.start();
  AgentProcess agent{folder.path(), "brick", "/nonexistent.sock"};
  agent.join(controller.create_token());
  controller.stop();
  const auto bytes = keep_samples(agent.data(), samples, apart);
  agent.start();
  await_until("the agent has found nobody", 60s, [&] {
    return agent.log().find("the controller cannot be reached") != std::string::npos;
  });

  controller.start();
  const auto back = std::chrono::steady_clock::now();
  controller.await_machine("brick", "online");
  const Seconds connected = std::chrono::steady_clock::now() - back;
  Watch during{controller};
  while (controller.metric(late).value_or(0) < samples) during.look();
  const Seconds took = std::chrono::steady_clock::now() - back;
  Watch after{controller};
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (std::chrono::steady_clock::now() < end) {
    after.look();
    std::this_thread::sleep_for(5ms);
  }
  const Seconds measured = apart * samples;
  fmt::print(
      "{} samples of {:.1f} h ({:.1f} MiB) in {:.1f} s after the controller's return (online after "
      "{:.1f} s): {:.0f} times real time\n",
      samples,
      measured.count() / 3600,
      static_cast<double>(bytes) / 1024 / 1024,
      took.count(),
      connected.count(),
      measured.count() / took.count());
  fmt::print("measured meanwhile, seen with an age of: {}\n", spread(during.ages_ms()));
  fmt::print("measured afterwards, seen with an age of: {}\n", spread(after.ages_ms()));
}
