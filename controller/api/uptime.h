/// /api/uptime: availability, outages and events of services.
#pragma once

#include "common/describe_json.h"
#include "controller/api/uptime_rows.h"
#include "controller/fleet/fleet.h"
#include "controller/http/call.h"
#include "controller/registry/watch.h"
#include "controller/storage/event_store.h"
#include "controller/telemetry/uptime_history.h"

namespace portoser::http {
class Router;
}

namespace portoser::api {

/// Body of POST /api/uptime/timeline. Nothing named: all.
struct TimelineRequest {
  std::int64_t days = 7;
  std::optional<std::vector<std::string>> services;
  std::optional<std::vector<std::string>> machines;
};
BOOST_DESCRIBE_STRUCT(TimelineRequest, (), (days, services, machines))

/// Body of POST /api/uptime/event.
struct UptimeNote {
  std::string event_type;
  std::string service;
  std::string machine;
  std::optional<std::string> details;
  Json metadata;  ///< an object, or null
};
BOOST_DESCRIBE_STRUCT(UptimeNote, (), (event_type, service, machine, details, metadata))

class UptimeApi {
 public:
  /// `core`: the fleet's executor.
  UptimeApi(const registry::RegistryWatch& registry,
            storage::Database& database,
            telemetry::UptimeHistory& history,
            fleet::Fleet& fleet,
            const Clock& clock,
            asio::any_io_executor core)
      : registry_(registry),
        events_(database),
        history_(history),
        fleet_(fleet),
        clock_(clock),
        core_(std::move(core)) {}

  void add_to(http::Router& router);

 private:
  /// What is asked about: the end is now.
  struct Window {
    Time from;
    Time now;
    std::string name;
    bool is_range = false;  ///< asked by `timeRange`
  };
  [[nodiscard]] Window window_of(const http::CallContext& call) const;
  [[nodiscard]] telemetry::Placed placed_of(const http::CallContext& call) const;
  /// Marked where the service is no more.
  [[nodiscard]] UptimeStatsRow stats_of(const telemetry::Placed& placed,
                                        const telemetry::UptimeLog& log,
                                        const Window& window) const;

  asio::awaitable<UptimeOfService> service(http::Call<void> call);
  asio::awaitable<UptimeHistoryView> service_history(http::Call<void> call);
  asio::awaitable<UptimeEventPage> service_events(http::Call<void> call);
  asio::awaitable<UptimeMetricsView> service_metrics(http::Call<void> call);
  asio::awaitable<UptimeSummaryView> all(http::Call<void> call);
  asio::awaitable<UptimeSummaryView> summary(http::Call<void> call);
  asio::awaitable<TimelineView> timeline(http::Call<void> call);
  asio::awaitable<TimelineView> posted_timeline(http::Call<TimelineRequest> call);
  asio::awaitable<UptimeEventRow> note(http::Call<UptimeNote> call);

  /// A service where it is or was.
  struct Overviewed {
    telemetry::PlacedLog place;
    UptimeStatsRow stats;
  };
  asio::awaitable<std::vector<Overviewed>> overview_since(telemetry::PlaceFilter filter,
                                                          Time from,
                                                          Time now);
  asio::awaitable<UptimeSummaryView> summary_since(Time from, Time now);
  /// `part` of the request that asks: "query" or "body".
  asio::awaitable<TimelineView> timeline_since(std::int64_t days,
                                               telemetry::PlaceFilter filter,
                                               std::string part);
  struct Happened {
    std::vector<UptimeEventRow> rows;  ///< by time
    std::int64_t total = 0;
    bool truncated = false;  ///< some are left out
  };
  /// The newest of those that the filter lets pass.
  asio::awaitable<Happened> newest_of(storage::EventFilter filter);
  /// With `total`, of those beyond the limit too; it outlives the call.
  asio::awaitable<std::vector<storage::EventRecord>> counted(storage::EventFilter filter,
                                                             std::int64_t& total);
  /// `log` outlives the call.
  asio::awaitable<Happened> picture_of(telemetry::Placed placed,
                                       const telemetry::UptimeLog& log,
                                       Window window);

  const registry::RegistryWatch& registry_;
  storage::EventStore events_;
  telemetry::UptimeHistory& history_;
  fleet::Fleet& fleet_;
  const Clock& clock_;
  asio::any_io_executor core_;
};

}  // namespace portoser::api
