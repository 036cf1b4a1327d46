#include "controller/api/prometheus.h"

#include "controller/api/accept.h"
#include "controller/http/router.h"
#include "controller/telemetry/controller_families.h"
#include "controller/telemetry/fleet_families.h"
#include "controller/telemetry/remote_write_families.h"

#include <utility>

namespace portoser::api {

void PrometheusApi::add_to(http::Router& router) {
  const std::string text{telemetry::content_type(telemetry::Format::text)};
  router.add<AllMetricsRows>({.path = "/api/metrics",
                              .summary = "The same as /api/metrics/all, or the Prometheus page",
                              .query = {{.name = "format",
                                         .description = "json unless given",
                                         .allowed = {"json", "prometheus"}},
                                        view_parameter()},
                              .text_type = text},
                             *this,
                             &PrometheusApi::summary);
  router.add<void>({.path = "/metrics",
                    .summary = "Prometheus page; OpenMetrics for who accepts that",
                    .text_type = text},
                   *this,
                   &PrometheusApi::negotiated);
  router.add<void>({.path = "/api/devices/metrics",
                    .summary = "The same as /metrics, by its old name",
                    .text_type = text},
                   *this,
                   &PrometheusApi::negotiated);
}

asio::awaitable<http::Response> PrometheusApi::negotiated(http::Call<void> call) {
  // Several headers of that name are one list.
  std::string accept;
  call.request().for_each_header([&](std::string_view name, std::string_view value) {
    if (!http::equals_ignoring_case(name, "Accept")) return;
    accept += value;
    accept += ',';
  });
  return answer(format_for(accept));
}

asio::awaitable<http::Response> PrometheusApi::summary(http::Call<void> call) {
  if (call.query("format") == "prometheus") co_return co_await answer(telemetry::Format::text);
  co_return metrics_.all(std::move(call));
}

asio::awaitable<http::Response> PrometheusApi::answer(telemetry::Format format) {
  const auto& desk = desks_.at(static_cast<std::size_t>(format));
  auto place = std::make_shared<PageDesk::Place>(desk);
  auto make = [this, format, place = std::move(place)] {
    return place->take([&] { return page(format); });
  };
  http::Response response;
  // The place is given up with the call, not when the client has read its answer.
  response.shared_body = co_await on_pool(pool_, std::move(make));
  response.content_type = telemetry::content_type(format);
  response.headers.emplace_back("Cache-Control", "no-store");
  response.headers.emplace_back("Vary", "Accept");
  co_return response;
}

std::shared_ptr<const std::string> PrometheusApi::page(telemetry::Format format) const {
  std::string memory;
  {
    const std::lock_guard lock{spare_->mutex};
    memory.swap(spare_->text);
  }
  telemetry::Exposition out{format, std::move(memory)};
  const auto state = sources_.registry.snapshot();
  const telemetry::FleetReading fleet{
      *state->registry, sources_.live, sources_.live.hosts(), sources_.clock.now()};
  telemetry::write_host_families(out, fleet, sources_.fleet.round_trips());
  telemetry::write_service_families(out, fleet, *sources_.availability.newest());
  telemetry::write_device_families(
      out, *sources_.fleet.devices(), sources_.fleet.http_heartbeats(), fleet);
  telemetry::write_registration_families(out, sources_.fleet.registrations());
  telemetry::write_registry_families(
      out, sources_.registry.stats(), state->source == registry::Source::ok);
  write_controller(out);
  const auto keep_memory = [spare = spare_](std::string* text) {
    const std::unique_ptr<std::string> owned{text};
    const std::lock_guard lock{spare->mutex};
    if (text->capacity() > spare->text.capacity()) spare->text.swap(*text);
  };
  return std::shared_ptr<std::string>{new std::string{out.take()}, keep_memory};
}

void PrometheusApi::write_controller(telemetry::Exposition& out) const {
  sources_.requests.write(out, sources_.clock.uptime());
  write_cache(out);
  const auto database = sources_.database.stats();
  out.family("queue_depth", "gauge", "Work that waits, or of jobs is under way");
  const auto depth = [&out](std::string_view queue, std::size_t size) {
    out.sample({{"queue_name", queue}}, static_cast<double>(size));
  };
  depth("database", database.queue_depth);
  depth("database_reads", database.reads_waiting);
  depth("jobs", sources_.jobs.active()->size());
  out.family("queue_operations_total", "counter", "Work that was taken and done");
  const auto operation = [&out](std::string_view name, std::uint64_t count) {
    out.sample({{"queue_name", "database"}, {"operation", name}}, static_cast<double>(count));
  };
  operation("failed", database.failures);
  operation("written", database.written);
  sources_.job_counters.write_operations(out);
  out.family(
      "queue_processing_duration_seconds", "histogram", "From the start of a job to its end");
  sources_.job_counters.write_durations(out);
  sources_.job_counters.write(out);
  telemetry::write_database_families(out, database);
  telemetry::write_retention_families(out, sources_.retention.stats());
  telemetry::write_series_families(out, sources_.series.stats());
  telemetry::write_collection_families(out, sources_.collection.interval());
  telemetry::write_remote_write_families(out, sources_.remote_write.stats(), sources_.clock.now());
  telemetry::write_wire_families(out, sources_.fleet.gateway_stats(), sources_.fleet.refusals());
  telemetry::write_process_families(out, sources_.clock.uptime() - started_);
}

/// The one answer that is kept ready: /api/metrics/all.
void PrometheusApi::write_cache(telemetry::Exposition& out) const {
  const auto kept = metrics_.kept();
  out.family("cache_operations_total", "counter", "Questions that an answer was kept for, or not");
  out.sample({{"operation", "get"}, {"result", "hit"}}, static_cast<double>(kept.hits));
  out.sample({{"operation", "get"}, {"result", "miss"}}, static_cast<double>(kept.misses));
  out.family("cache_hit_rate", "gauge", "Of these the part that hit, 0 to 100, since the start");
  if (const auto asked = kept.hits + kept.misses; asked > 0) {
    constexpr double percent = 100;
    out.sample({}, percent * static_cast<double>(kept.hits) / static_cast<double>(asked));
  }
  out.family("cache_size_bytes", "gauge", "Size of the answer that is kept");
  out.sample({}, static_cast<double>(kept.bytes));
}

}  // namespace portoser::api
