/// The availability of every service over some windows, for the Prometheus page. It takes the
/// database, so it is computed beside the page and kept; only while somebody asks for the page.
#pragma once

#include "common/clock.h"
#include "common/tasks.h"
#include "controller/registry/watch.h"
#include "controller/telemetry/uptime_history.h"

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string_view>

namespace portoser::telemetry {

struct AvailabilityWindow {
  std::string_view name;
  std::chrono::hours length;
};
inline constexpr std::array<AvailabilityWindow, 3> availability_windows{
    {{"24h", std::chrono::hours{24}},
     {"7d", std::chrono::hours{24 * 7}},
     {"30d", std::chrono::hours{24 * 30}}}};

/// 0 to 1, by window; nothing where it was not to run, or nobody watched.
using AvailabilityTable =
    std::map<Placed, std::array<std::optional<double>, availability_windows.size()>>;

class Availability {
 public:
  Availability(const registry::RegistryWatch& registry, UptimeHistory& history, const Clock& clock)
      : registry_(registry), history_(history), clock_(clock) {}

  /// The newest, never null. Any thread; says that somebody wants it to be kept new.
  [[nodiscard]] std::shared_ptr<const AvailabilityTable> newest() const {
    wanted_.store(true, std::memory_order_relaxed);
    return table_.load();
  }

  /// Computes anew, at most once a minute and for at most a twentieth of the time, until it is
  /// cancelled. Not on an executor that others wait for: a service that fails all the time has very
  /// many events.
  asio::awaitable<void> run();
  /// Computes it now. False: the database cannot be read, and all is unknown.
  asio::awaitable<bool> compute();

 private:
  const registry::RegistryWatch& registry_;
  UptimeHistory& history_;
  const Clock& clock_;
  mutable std::atomic<bool> wanted_{false};
  std::atomic<std::shared_ptr<const AvailabilityTable>> table_{
      std::make_shared<const AvailabilityTable>()};
};

}  // namespace portoser::telemetry
