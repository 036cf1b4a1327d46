/// /api/metrics (present values) and the Prometheus page.
#pragma once

#include "controller/api/metrics_rows.h"
#include "controller/api/request_counters.h"
#include "controller/fleet/fleet.h"
#include "controller/http/call.h"
#include "controller/http/response.h"
#include "controller/jobs/jobs.h"
#include "controller/registry/watch.h"
#include "controller/storage/database.h"
#include "controller/storage/retention.h"
#include "controller/telemetry/series.h"

#include <atomic>
#include <memory>
#include <mutex>

namespace portoser::http {
class Router;
}

namespace portoser::api {

class MetricsApi {
 public:
  MetricsApi(const registry::RegistryWatch& registry,
             const telemetry::Live& live,
             const telemetry::Series& series,
             const fleet::Fleet& fleet,
             const jobs::Jobs& jobs,
             const storage::Database& database,
             const storage::Retention& retention,
             const RequestCounters& requests,
             const Clock& clock)
      : registry_(registry),
        live_(live),
        series_(series),
        fleet_(fleet),
        jobs_(jobs),
        database_(database),
        retention_(retention),
        requests_(requests),
        clock_(clock),
        started_(clock.uptime()) {}

  void add_to(http::Router& router);

  /// The answer of /api/metrics/all is kept so long, or until a sample comes.
  static constexpr std::chrono::seconds kept_for{1};
  struct Kept {
    bool is_there = false;
    bool is_old = false;  ///< made anew when it is asked for
    std::optional<double> age_seconds;
    std::uint64_t hits = 0;  ///< since the start
    std::uint64_t misses = 0;
  };
  [[nodiscard]] Kept kept() const;  ///< any thread
  bool forget();                    ///< any thread; false: there was nothing

 private:
  http::Response all(http::Call<void> call);
  http::Response machine(http::Call<void> call);
  http::Response summary(http::Call<void> call);
  http::Response prometheus(http::Call<void> call);
  std::shared_ptr<const std::string> all_text();
  [[nodiscard]] std::string exposition() const;

  /// Made again when a sample came, or after a second: it holds ages.
  struct Made {
    std::shared_ptr<const registry::RegistryState> registry;
    std::uint64_t version;
    Uptime at;
    std::shared_ptr<const std::string> text;
  };

  const registry::RegistryWatch& registry_;
  const telemetry::Live& live_;
  const telemetry::Series& series_;
  const fleet::Fleet& fleet_;
  const jobs::Jobs& jobs_;
  const storage::Database& database_;
  const storage::Retention& retention_;
  const RequestCounters& requests_;
  const Clock& clock_;
  Uptime started_;
  std::mutex making_;
  std::atomic<std::shared_ptr<const Made>> made_;
  std::atomic<std::uint64_t> hits_{0};
  std::atomic<std::uint64_t> misses_{0};
};

}  // namespace portoser::api
