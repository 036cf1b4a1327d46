/// /api/metrics/all: present values of hosts and their services.
#pragma once

#include "controller/api/metrics_rows.h"
#include "controller/http/call.h"
#include "controller/http/response.h"
#include "controller/http/route.h"
#include "controller/registry/watch.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace portoser::http {
class Router;
}

namespace portoser::api {

/// Of `view=machines` (unless given) and of `view=services`.
using AllMetricsRows = std::variant<std::vector<MachineMetricsRow>, std::vector<ServiceMetricsRow>>;

http::Parameter view_parameter();

class MetricsApi {
 public:
  MetricsApi(const registry::RegistryWatch& registry,
             const telemetry::Live& live,
             const Clock& clock)
      : registry_(registry), live_(live), clock_(clock) {}

  void add_to(http::Router& router);

  /// The answer of /api/metrics/all is kept so long, or until a sample comes.
  static constexpr std::chrono::seconds kept_for{1};
  struct Kept {
    bool is_there = false;
    bool is_old = false;  ///< made anew when it is asked for
    std::optional<double> age_seconds;
    std::size_t bytes = 0;
    std::uint64_t hits = 0;  ///< since the start
    std::uint64_t misses = 0;
  };
  [[nodiscard]] Kept kept() const;  ///< any thread
  bool forget();                    ///< any thread; false: there was nothing

  http::Response all(http::Call<void> call);

 private:
  http::Response machine(http::Call<void> call);
  std::shared_ptr<const std::string> all_text();

  /// Made again when a sample came, or after a second: it holds ages.
  struct Made {
    std::shared_ptr<const registry::RegistryState> registry;
    std::uint64_t version;
    Uptime at;
    std::shared_ptr<const std::string> text;
  };

  const registry::RegistryWatch& registry_;
  const telemetry::Live& live_;
  const Clock& clock_;
  std::mutex making_;
  std::atomic<std::shared_ptr<const Made>> made_;
  std::atomic<std::uint64_t> hits_{0};
  std::atomic<std::uint64_t> misses_{0};
};

}  // namespace portoser::api
