/// /api/metrics/collector: how often hosts are measured. Agents measure by themselves; the old
/// backend's words for its collector are filled from that.
#pragma once

#include "common/describe_json.h"
#include "common/tasks.h"
#include "controller/http/call.h"
#include "controller/telemetry/collection.h"
#include "controller/telemetry/live.h"

#include <optional>
#include <string>

namespace portoser::http {
class Router;
}

namespace portoser::api {

struct CollectionStatistics {
  std::int64_t total_collections = 0;  ///< samples since the start
  std::int64_t successful_collections = 0;
  std::int64_t failed_collections = 0;             ///< samples whose agent could not read something
  std::optional<double> last_collection_duration;  ///< not measured
  std::optional<Time> last_collection_time;
};
BOOST_DESCRIBE_STRUCT(CollectionStatistics,
                      (),
                      (total_collections,
                       successful_collections,
                       failed_collections,
                       last_collection_duration,
                       last_collection_time))

struct CollectorView {
  bool available = true;
  bool running = false;             ///< a host at least is measured now
  std::int64_t interval = 0;        ///< seconds between two samples of a host, rounded up
  std::int64_t max_concurrent = 0;  ///< hosts that are online: each measures itself
  std::int64_t task_timeout = 0;    ///< seconds after which a host counts as silent, rounded up
  bool metrics_service_available = true;
  bool websocket_manager_available = true;
  std::string registry_path;
  CollectionStatistics statistics;
};
BOOST_DESCRIBE_STRUCT(CollectorView,
                      (),
                      (available,
                       running,
                       interval,
                       max_concurrent,
                       task_timeout,
                       metrics_service_available,
                       websocket_manager_available,
                       registry_path,
                       statistics))

struct IntervalAnswer {
  bool success = true;
  std::int64_t interval = 0;  ///< seconds
  std::string message;
};
BOOST_DESCRIBE_STRUCT(IntervalAnswer, (), (success, interval, message))

class CollectorApi {
 public:
  /// `core`: the fleet's executor.
  CollectorApi(telemetry::Collection& collection,
               const telemetry::Live& live,
               std::string registry_path,
               const Clock& clock,
               asio::any_io_executor core)
      : collection_(collection),
        live_(live),
        registry_path_(std::move(registry_path)),
        clock_(clock),
        core_(std::move(core)) {}

  void add_to(http::Router& router);

 private:
  CollectorView status(http::Call<void> call);
  asio::awaitable<IntervalAnswer> set_interval(http::Call<void> call);

  telemetry::Collection& collection_;
  const telemetry::Live& live_;
  std::string registry_path_;
  const Clock& clock_;
  asio::any_io_executor core_;
};

}  // namespace portoser::api
