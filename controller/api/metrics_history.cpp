#include "controller/api/metrics_history.h"

#include "common/describe_json.h"
#include "controller/api/time_ranges.h"
#include "controller/http/router.h"

#include <fmt/format.h>

namespace portoser::api {
namespace {

std::vector<http::Parameter> history_parameters() {
  auto parameters = range_parameters("24h unless given", Code::invalid);
  parameters.push_back({.name = "interval",
                        .description = "length of a step; 15m unless given",
                        .allowed = {"1m", "5m", "15m", "1h"},
                        .refused_as = Code::invalid});
  return parameters;
}

/// The service, which must be on that host.
const registry::Service& require_placed(const registry::Registry& registry,
                                        const std::string& service,
                                        const std::string& machine) {
  const auto& host = registry.require_host(machine, "path.machine");
  const auto& entry = registry.require_service(service, "path.service");
  if (entry.current_host == host.name) return entry;
  throw Error{Code::not_found,
              fmt::format("the service \"{}\" is not on \"{}\"", service, machine),
              "path.machine"}
      .reason("SERVICE_UNKNOWN")
      .hint(entry.current_host ? fmt::format("it is on \"{}\"", *entry.current_host)
                               : "it is assigned to no host");
}

}  // namespace

void MetricsHistoryApi::add_to(http::Router& router) {
  router.add<ServiceMetricsWithHistory>(
      {.path = "/api/metrics/{service}/{machine}",
       .summary = "Present values of a service on a host, and its chart",
       .errors = {Code::not_found, Code::unavailable},
       .query = range_parameters("1h unless given")},
      *this,
      &MetricsHistoryApi::service);
  router.add(
      {.path = "/api/metrics/{service}/{machine}/history",
       .summary =
           "What a service used on a host, a step at a time; a step without samples is a gap",
       .errors = {Code::not_found, Code::unavailable},
       .query = history_parameters()},
      *this,
      &MetricsHistoryApi::service_history);
  router.add({.path = "/api/metrics/machine/{machine}/history",
              .summary = "What a host used, a step at a time; a step without samples is a gap",
              .errors = {Code::not_found, Code::unavailable},
              .query = history_parameters()},
             *this,
             &MetricsHistoryApi::machine_history);
}

asio::awaitable<http::Response> MetricsHistoryApi::service(http::Call<void> call) {
  auto name = range_of(call).value_or("1h");
  const auto range = telemetry::time_range(name).value();
  const auto now = clock_.now();
  const auto registry = registry_.snapshot()->registry;
  const auto& machine = call.param("machine");
  const auto& entry = require_placed(*registry, call.param("service"), machine);
  const auto history = co_await telemetry::chart_of(series_, machine, entry.name, range, now);
  const auto now_known = service_metrics(entry.name, machine, live_, now, name);
  const auto summary = summary_row(history.summary);
  ServiceMetricsWithHistory metrics;
  metrics.service = entry.name;
  metrics.machine = machine;
  metrics.history = usage_rows(history, entry.name, machine);
  metrics.avg_cpu = summary.avg_cpu ? summary.avg_cpu : now_known.avg_cpu;
  metrics.avg_memory = summary.avg_memory ? summary.avg_memory : now_known.avg_memory;
  metrics.peak_cpu = summary.peak_cpu ? summary.peak_cpu : now_known.peak_cpu;
  metrics.peak_memory = summary.peak_memory ? summary.peak_memory : now_known.peak_memory;
  metrics.time_range = std::move(name);
  metrics.status = now_known.status;
  metrics.error = now_known.error;
  metrics.historical = chart_points(metrics.history);
  // Named first: g++ 12 destroys a braced temporary in the statement of a co_await twice.
  telemetry::Placed placed{entry.name, machine};
  auto reading = uptime_.log(std::move(placed), now - range.length);
  const auto log = co_await std::move(reading);
  if (now_known.current) {
    auto& current = metrics.current.emplace();
    static_cast<ServiceMetricsRow&>(current) = *now_known.current;
    current.uptime_percent =
        telemetry::uptime_stats(log, now - range.length, now).availability_percent;
  }
  auto body = to_json(metrics);
  if (metrics.current && !metrics.current->uptime_percent) body["current"].erase("uptime_percent");
  auto response = http::json_response(dump(body));
  response.headers.emplace_back("Cache-Control", "public, max-age=10, must-revalidate");
  response.headers.emplace_back("X-Cache-TTL", "10");
  co_return response;
}

asio::awaitable<MetricsHistory> MetricsHistoryApi::service_history(http::Call<void> call) {
  const auto registry = registry_.snapshot()->registry;
  const auto& entry = registry->require_service(call.param("service"), "path.service");
  const auto& host = registry->require_host(call.param("machine"), "path.machine");
  co_return co_await history(entry.name,
                             host.name,
                             range_of(call).value_or("24h"),
                             call.query("interval").value_or("15m"));
}

asio::awaitable<MetricsHistory> MetricsHistoryApi::machine_history(http::Call<void> call) {
  const auto registry = registry_.snapshot()->registry;
  const auto& host = registry->require_host(call.param("machine"), "path.machine");
  std::string no_service;
  co_return co_await history(std::move(no_service),
                             host.name,
                             range_of(call).value_or("24h"),
                             call.query("interval").value_or("15m"));
}

asio::awaitable<MetricsHistory> MetricsHistoryApi::history(std::string service,
                                                           std::string machine,
                                                           std::string range,
                                                           std::string interval) {
  const auto now = clock_.now();
  const auto from = now - telemetry::time_range(range).value().length;
  const auto step = telemetry::interval(interval).value();
  const auto found = co_await telemetry::usage_history(series_, machine, service, from, now, step);
  if (found.points.empty()) {
    throw Error{Code::not_found,
                fmt::format("nothing was measured of \"{}\" in the last {}",
                            service.empty() ? machine : service + "\" on \"" + machine,
                            range),
                "path.machine"}
        .reason("NO_HISTORY")
        .hint("ask for a longer time range, or see whether its agent is online");
  }
  MetricsHistory answer;
  answer.service = std::move(service);
  answer.machine = std::move(machine);
  answer.time_range = std::move(range);
  answer.interval = std::move(interval);
  answer.data_points = usage_rows(found, answer.service, answer.machine);
  answer.summary = summary_row(found.summary);
  co_return answer;
}

}  // namespace portoser::api
