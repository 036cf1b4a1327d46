#include "controller/api/metrics_history.h"

#include "common/describe_json.h"
#include "controller/api/kept_answer.h"
#include "controller/api/placed_service.h"
#include "controller/api/time_ranges.h"
#include "controller/http/router.h"

#include <fmt/format.h>

namespace portoser::api {
namespace {

/// The present is in memory: nobody waits for the past much longer than for that.
constexpr std::chrono::seconds past_limit{1};

std::vector<http::Parameter> history_parameters() {
  auto parameters = range_parameters("24h unless given", Code::invalid);
  parameters.push_back({.name = "interval",
                        .description = "length of a step; 15m unless given",
                        .allowed = {"1m", "5m", "15m", "1h"},
                        .refused_as = Code::invalid});
  return parameters;
}

HistoryQuestion question_of(const http::CallContext& call) {
  HistoryQuestion asked;
  asked.range = range_of(call).value_or("24h");
  asked.interval = call.query("interval").value_or("15m");
  return asked;
}

/// All but its points.
template <class Answer>
Answer answer_to(const HistoryQuestion& asked, const telemetry::UsageHistory& found) {
  Answer answer;
  answer.service = asked.service;
  answer.machine = asked.machine;
  answer.time_range = asked.range;
  answer.interval = asked.interval;
  answer.summary = summary_row(found.summary);
  return answer;
}

}  // namespace

void MetricsHistoryApi::add_to(http::Router& router) {
  router.add<ServiceMetricsWithHistory>(
      {.path = "/api/metrics/{service}/{machine}",
       .summary = "Present values of a service on a host, and its chart; without it while the "
                  "database cannot be read or takes longer than a second",
       .errors = {Code::not_found},
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

asio::awaitable<MetricsHistoryApi::Past> MetricsHistoryApi::read_past(telemetry::Placed placed,
                                                                      telemetry::TimeRange range,
                                                                      Time now) {
  Past past;
  past.usage = co_await telemetry::chart_of(series_, placed.machine, placed.service, range, now);
  const auto from = now - range.length;
  const auto log = co_await uptime_.log(std::move(placed), from);
  past.uptime_percent = telemetry::uptime_stats(log, from, now).availability_percent;
  co_return past;
}

asio::awaitable<MetricsHistoryApi::Past> MetricsHistoryApi::past_of(telemetry::Placed placed,
                                                                    telemetry::TimeRange range,
                                                                    Time now) {
  Past past;
  try {
    auto reading = read_past(std::move(placed), range, now);
    past = co_await with_deadline(std::move(reading), past_limit, "reading the history");
  } catch (const Error& error) {
    if (error.code() != Code::unavailable && error.code() != Code::deadline) throw;
    past.error = error.message();
  }
  co_return past;
}

asio::awaitable<http::Response> MetricsHistoryApi::service(http::Call<void> call) {
  auto name = range_of(call).value_or("1h");
  const auto range = telemetry::time_range(name).value();
  const auto now = clock_.now();
  const auto registry = registry_.snapshot()->registry;
  const auto& machine = call.param("machine");
  const auto& entry = require_placed(*registry, call.param("service"), machine);
  // Named first: g++ 12 destroys a braced temporary in the statement of a co_await twice.
  telemetry::Placed placed{entry.name, machine};
  const auto past = co_await past_of(std::move(placed), range, now);
  const auto now_known = service_metrics(entry.name, machine, live_, now, name);
  const auto summary = summary_row(past.usage.summary);
  ServiceMetricsWithHistory metrics;
  metrics.service = entry.name;
  metrics.machine = machine;
  auto rows = usage_rows(past.usage, entry.name, machine);
  metrics.historical = chart_points(rows);
  // A chart may go further back than was asked, see `telemetry::chart_of`; the history does not.
  std::erase_if(rows, [&](const UsageRow& row) {
    return row.timestamp + past.usage.step <= now - range.length;
  });
  metrics.history = std::move(rows);
  metrics.avg_cpu = summary.avg_cpu ? summary.avg_cpu : now_known.avg_cpu;
  metrics.avg_memory = summary.avg_memory ? summary.avg_memory : now_known.avg_memory;
  metrics.peak_cpu = summary.peak_cpu ? summary.peak_cpu : now_known.peak_cpu;
  metrics.peak_memory = summary.peak_memory ? summary.peak_memory : now_known.peak_memory;
  metrics.time_range = std::move(name);
  metrics.status = now_known.status;
  metrics.error = now_known.error;
  metrics.history_error = past.error;
  if (now_known.current) {
    auto& current = metrics.current.emplace();
    static_cast<ServiceMetricsRow&>(current) = *now_known.current;
    current.uptime_percent = past.uptime_percent;
  }
  auto body = to_json(metrics);
  if (metrics.current && !metrics.current->uptime_percent) body["current"].erase("uptime_percent");
  co_return kept_by_client(http::json_response(dump(body)), live_numbers);
}

asio::awaitable<MetricsHistory> MetricsHistoryApi::service_history(http::Call<void> call) {
  const auto registry = registry_.snapshot()->registry;
  auto asked = question_of(call);
  asked.service = registry->require_service(call.param("service"), "path.service").name;
  asked.machine = registry->require_host(call.param("machine"), "path.machine").name;
  const auto found = co_await measured(asked);
  auto answer = answer_to<MetricsHistory>(asked, found);
  answer.data_points = usage_rows(found, asked.service, asked.machine);
  co_return answer;
}

asio::awaitable<MachineMetricsHistory> MetricsHistoryApi::machine_history(http::Call<void> call) {
  const auto registry = registry_.snapshot()->registry;
  auto asked = question_of(call);
  asked.machine = registry->require_host(call.param("machine"), "path.machine").name;
  const auto found = co_await measured(asked);
  auto answer = answer_to<MachineMetricsHistory>(asked, found);
  answer.data_points = machine_usage_rows(found, asked.machine);
  co_return answer;
}

asio::awaitable<telemetry::UsageHistory> MetricsHistoryApi::measured(HistoryQuestion asked) {
  const auto now = clock_.now();
  const auto from = now - telemetry::time_range(asked.range).value().length;
  const auto step = telemetry::interval(asked.interval).value();
  auto subjects = telemetry::subjects_of(live_.host(asked.machine).get());
  auto found = co_await telemetry::usage_history(
      series_, asked.machine, asked.service, std::move(subjects), from, now, step);
  if (found.points.empty()) {
    const auto name =
        asked.service.empty() ? asked.machine : asked.service + "\" on \"" + asked.machine;
    throw Error{Code::not_found,
                fmt::format("nothing was measured of \"{}\" in the last {}", name, asked.range),
                "path.machine"}
        .reason("NO_HISTORY")
        .hint("ask for a longer time range, or see whether its agent is online");
  }
  co_return found;
}

}  // namespace portoser::api
