/// The Prometheus page, for hosts, services, devices and the controller itself: in the text format
/// 0.0.4 or in OpenMetrics, as the client asks. A fleet of a thousand hosts has megabytes of it, so
/// it is made on a thread of its own, one after the other, and no other request waits for it. Who
/// asks while pages are made shares one with all who wait for the same format.
#pragma once

#include "controller/api/job_counters.h"
#include "controller/api/metrics.h"
#include "controller/api/page_desk.h"
#include "controller/api/request_counters.h"
#include "controller/fleet/fleet.h"
#include "controller/http/call.h"
#include "controller/http/response.h"
#include "controller/jobs/jobs.h"
#include "controller/registry/watch.h"
#include "controller/storage/database.h"
#include "controller/storage/retention.h"
#include "controller/telemetry/availability.h"
#include "controller/telemetry/collection.h"
#include "controller/telemetry/remote_write.h"
#include "controller/telemetry/series.h"

#include <array>
#include <memory>
#include <mutex>
#include <string>

namespace portoser::http {
class Router;
}

namespace portoser::api {

/// What the page is made of; all of it outlives the page and may be read from any thread.
struct PrometheusSources {
  const registry::RegistryWatch& registry;
  const telemetry::Live& live;
  const telemetry::Series& series;
  const telemetry::RemoteWrite& remote_write;
  const telemetry::Availability& availability;
  const telemetry::Collection& collection;
  const fleet::Fleet& fleet;
  const jobs::Jobs& jobs;
  const storage::Database& database;
  const storage::Retention& retention;
  const RequestCounters& requests;
  const JobCounters& job_counters;
  const Clock& clock;
};

class PrometheusApi {
 public:
  PrometheusApi(PrometheusSources sources, MetricsApi& metrics)
      : sources_(sources), metrics_(metrics), started_(sources.clock.uptime()) {}

  void add_to(http::Router& router);

  /// Of the thread that makes pages: for what may take as long and is as little in a hurry.
  asio::any_io_executor executor() { return pool_.get_executor(); }
  /// The page as it is now. Any thread. When nobody holds it any more its memory is used for the
  /// next: getting that from the kernel would cost a large fleet a good part of the whole.
  [[nodiscard]] std::shared_ptr<const std::string> page(telemetry::Format format) const;

 private:
  asio::awaitable<http::Response> negotiated(http::Call<void> call);
  asio::awaitable<http::Response> summary(http::Call<void> call);
  asio::awaitable<http::Response> answer(telemetry::Format format);
  void write_controller(telemetry::Exposition& out) const;
  void write_cache(telemetry::Exposition& out) const;

  PrometheusSources sources_;
  MetricsApi& metrics_;
  Uptime started_;
  /// The memory of a page that is done with. Pages may outlive us.
  struct Spare {
    std::mutex mutex;
    std::string text;
  };
  std::shared_ptr<Spare> spare_ = std::make_shared<Spare>();
  std::array<std::shared_ptr<PageDesk>, 2> desks_{std::make_shared<PageDesk>(),
                                                  std::make_shared<PageDesk>()};  ///< by format
  asio::thread_pool pool_{1};  ///< last: what runs there uses all of the above
};

}  // namespace portoser::api
