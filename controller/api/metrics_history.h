/// /api/metrics of a service on a host, with its history, and the histories themselves.
#pragma once

#include "controller/api/metrics_history_rows.h"
#include "controller/http/call.h"
#include "controller/http/response.h"
#include "controller/registry/watch.h"
#include "controller/telemetry/live.h"
#include "controller/telemetry/series.h"
#include "controller/telemetry/uptime_history.h"

namespace portoser::http {
class Router;
}

namespace portoser::api {

/// What a history is asked for, in words that were checked.
struct HistoryQuestion {
  std::string service{};  ///< empty: of the host
  std::string machine{};
  std::string range{};
  std::string interval{};
};

class MetricsHistoryApi {
 public:
  MetricsHistoryApi(const registry::RegistryWatch& registry,
                    const telemetry::Live& live,
                    telemetry::Series& series,
                    telemetry::UptimeHistory& uptime,
                    const Clock& clock)
      : registry_(registry), live_(live), series_(series), uptime_(uptime), clock_(clock) {}

  void add_to(http::Router& router);

 private:
  /// What the database tells beside the present values, which are in memory.
  struct Past {
    telemetry::UsageHistory usage;
    std::optional<double> uptime_percent;
    std::string error;  ///< why it could not be read; empty: it could
  };
  asio::awaitable<Past> read_past(telemetry::Placed placed, telemetry::TimeRange range, Time now);
  /// The same, with a limit to the time that it takes and without a failure.
  asio::awaitable<Past> past_of(telemetry::Placed placed, telemetry::TimeRange range, Time now);
  asio::awaitable<http::Response> service(http::Call<void> call);
  asio::awaitable<MetricsHistory> service_history(http::Call<void> call);
  asio::awaitable<MachineMetricsHistory> machine_history(http::Call<void> call);
  /// `Error{not_found}`, NO_HISTORY: nothing was.
  asio::awaitable<telemetry::UsageHistory> measured(HistoryQuestion asked);

  const registry::RegistryWatch& registry_;
  const telemetry::Live& live_;
  telemetry::Series& series_;
  telemetry::UptimeHistory& uptime_;
  const Clock& clock_;
};

}  // namespace portoser::api
