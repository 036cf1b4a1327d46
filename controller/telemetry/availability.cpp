#include "controller/telemetry/availability.h"

#include "common/error.h"

#include <algorithm>
#include <vector>

namespace portoser::telemetry {

asio::awaitable<void> Availability::run() {
  constexpr std::chrono::seconds look_period{1};
  constexpr std::chrono::minutes period{1};
  constexpr int share = 20;
  for (;;) {
    if (!wanted_.exchange(false, std::memory_order_relaxed)) {
      co_await pause(look_period);
      continue;
    }
    const auto begun = clock_.uptime();
    if (!co_await compute()) {
      wanted_.store(true, std::memory_order_relaxed);
      co_await pause(look_period);
      continue;
    }
    const auto took = clock_.uptime() - begun;
    co_await pause(std::max<Uptime>(period, share * took));
  }
}

asio::awaitable<bool> Availability::compute() {
  std::map<std::string, std::vector<Placed>> by_host;
  const auto registry = registry_.snapshot()->registry;
  for (const auto& service : registry->services()) {
    if (service.current_host) {
      by_host[*service.current_host].push_back({service.name, *service.current_host});
    }
  }
  auto table = std::make_shared<AvailabilityTable>();
  bool is_computed = true;
  try {
    // One host after the other: what else the database has to answer comes in between.
    for (const auto& [host, placed] : by_host) {
      const auto now = clock_.now();
      const auto logs = co_await history_.logs(placed, now - availability_windows.back().length);
      for (std::size_t i = 0; i < placed.size(); ++i) {
        auto& ratios = (*table)[placed[i]];
        for (std::size_t window = 0; window < availability_windows.size(); ++window) {
          const auto from = now - availability_windows.at(window).length;
          const auto stats = uptime_stats(logs[i], from, now);
          constexpr double percent = 100;
          if (stats.availability_percent) ratios.at(window) = *stats.availability_percent / percent;
        }
      }
    }
  } catch (const Error&) {
    table->clear();
    is_computed = false;
  }
  table_.store(std::move(table));
  co_return is_computed;
}

}  // namespace portoser::telemetry
