#include "controller/api/history.h"

#include "controller/api/history_rows.h"
#include "controller/api/time_ranges.h"
#include "controller/http/router.h"

#include <cmath>
#include <utility>

namespace portoser::api {
namespace {

constexpr std::int64_t most_deployments = 1000;
constexpr std::int64_t most_days = 365;
constexpr std::int64_t recent_failures = 5;

struct DeploymentList {
  std::vector<DeploymentRow> deployments;
  std::int64_t total = 0;     ///< that fit the filters
  std::int64_t filtered = 0;  ///< the same, as the old API calls it
  std::optional<std::string> service_filter;
  std::int64_t limit = 0;
  std::int64_t offset = 0;
};
BOOST_DESCRIBE_STRUCT(DeploymentList,
                      (),
                      (deployments, total, filtered, service_filter, limit, offset))

struct CountsView {
  std::int64_t total = 0;
  std::int64_t success = 0;
  std::int64_t failure = 0;
  std::int64_t rolled_back = 0;
  double success_rate = 0;  ///< 0 to 100: of those that did not fail; 0 of none
  double avg_duration_ms = 0;
};
BOOST_DESCRIBE_STRUCT(CountsView,
                      (),
                      (total, success, failure, rolled_back, success_rate, avg_duration_ms))

struct StatsView : CountsView {
  std::int64_t days = 0;
  std::map<std::string, CountsView> by_service;
  std::vector<DeploymentRow> recent_failures;
};
BOOST_DESCRIBE_STRUCT(StatsView, (CountsView), (days, by_service, recent_failures))

struct TimelineRow {
  std::string id;
  std::string service;
  std::string machine;
  std::string action;
  std::string status;
  std::optional<Time> timestamp;
  std::optional<std::int64_t> duration_ms;
  std::int64_t problems_count = 0;
  std::int64_t solutions_count = 0;
};
BOOST_DESCRIBE_STRUCT(
    TimelineRow,
    (),
    (id, service, machine, action, status, timestamp, duration_ms, problems_count, solutions_count))

struct TimelineView {
  std::map<std::string, std::vector<TimelineRow>> timeline;  ///< by day, UTC
  std::int64_t total = 0;  ///< that fit; the newest 1000 are shown
};
BOOST_DESCRIBE_STRUCT(TimelineView, (), (timeline, total))

void fill(CountsView& view, const storage::DeploymentCounts& counts) {
  view.total = counts.total;
  view.success = counts.success;
  view.failure = counts.failure;
  view.rolled_back = counts.rolled_back;
  if (counts.total > 0) {
    const auto share = static_cast<double>(counts.success + counts.rolled_back) /
                       static_cast<double>(counts.total);
    constexpr double hundredths = 10'000;
    view.success_rate = std::round(share * hundredths) / 100;
  }
  view.avg_duration_ms = std::round(counts.average_duration_ms.value_or(0));
}

std::vector<http::Parameter> filters() {
  return {{"service", "only of this service"},
          {"machine", "only on this machine"},
          {.name = "status",
           .description = "only such",
           .allowed = {"success", "failure", "rolled_back"},
           .refused_as = Code::invalid},
          {"action", "only such: start, stop, restart, rebuild, update, rollback"},
          {"from_date", "begun at this time or later; RFC 3339 or a date"},
          {"to_date", "begun before this time, or on this date or before"},
          {"limit", "1 to 1000; 50 unless given", "integer"},
          {"offset", "how many of the newest to pass over", "integer"}};
}

storage::DeploymentFilter filter_of(const http::CallContext& call) {
  storage::DeploymentFilter filter;
  filter.service = call.query("service");
  filter.machine = call.query("machine");
  filter.status = call.query("status");
  filter.action = call.query("action");
  filter.from = begin_of(call, "from_date");
  filter.until = end_of(call, "to_date");
  filter.limit = call.query_int("limit", filter.limit, 1, most_deployments);
  filter.offset = call.query_int("offset", 0, 0, std::int64_t{1} << 40U);
  return filter;
}

TimelineRow timeline_row(const DeploymentRow& row) {
  return {row.id,
          row.service,
          row.machine,
          row.action,
          row.status,
          row.timestamp,
          row.duration_ms,
          static_cast<std::int64_t>(row.problems.size()),
          static_cast<std::int64_t>(row.solutions_applied.size())};
}

}  // namespace

void HistoryApi::add_to(http::Router& router) {
  router.add<DeploymentList>({.path = "/api/history/deployments",
                              .summary = "What we changed on hosts, newest first",
                              .errors = {Code::invalid, Code::unavailable},
                              .query = filters()},
                             *this,
                             &HistoryApi::list);
  router.add<DeploymentDetail>(
      {.path = "/api/history/deployments/{id}",
       .summary = "One change, with what was there before and afterwards; compose texts for admins",
       .errors = {Code::not_found, Code::unavailable}},
      *this,
      &HistoryApi::detail);
  router.add<StatsView>({.path = "/api/history/stats",
                         .summary = "How many changes succeeded, and how long they took",
                         .errors = {Code::invalid, Code::unavailable},
                         .query = {{"service", "only of this service"},
                                   {"days", "1 to 365; 30 unless given", "integer"}}},
                        *this,
                        &HistoryApi::stats);
  router.add<TimelineView>({.path = "/api/history/timeline",
                            .summary = "The newest 1000 changes by day",
                            .errors = {Code::invalid, Code::unavailable},
                            .query = {{"service", "only of this service"},
                                      {"days", "1 to 365; 30 unless given", "integer"}}},
                           *this,
                           &HistoryApi::timeline);
}

asio::awaitable<http::Response> HistoryApi::list(http::Call<void> call) {
  const auto filter = filter_of(call);
  const auto page = co_await history_.list(filter);
  DeploymentList answer;
  for (const auto& record : page.records) answer.deployments.push_back(deployment_row(record));
  answer.total = page.total;
  answer.filtered = page.total;
  answer.service_filter = filter.service;
  answer.limit = filter.limit;
  answer.offset = filter.offset;
  co_return http::json_response(dump(to_json(answer)));
}

asio::awaitable<http::Response> HistoryApi::detail(http::Call<void> call) {
  // As the compose file itself.
  const bool with_text = call.user().has(http::Role::admin);
  const auto record = co_await history_.find(call.param("id"));
  co_return http::json_response(dump(to_json(deployment_detail(record, with_text))));
}

asio::awaitable<http::Response> HistoryApi::stats(http::Call<void> call) {
  StatsView answer;
  answer.days = call.query_int("days", 30, 1, most_days);
  const auto service = call.query("service");
  const auto stats = co_await history_.stats(service, static_cast<int>(answer.days));
  fill(answer, stats.all);
  for (const auto& [name, counts] : stats.by_service) fill(answer.by_service[name], counts);
  storage::DeploymentFilter failures;
  failures.service = service;
  failures.status = "failure";
  failures.from = clock_.now() - std::chrono::hours{24} * answer.days;
  failures.limit = recent_failures;
  const auto page = co_await history_.list(std::move(failures));
  for (const auto& record : page.records) answer.recent_failures.push_back(deployment_row(record));
  co_return http::json_response(dump(to_json(answer)));
}

asio::awaitable<http::Response> HistoryApi::timeline(http::Call<void> call) {
  storage::DeploymentFilter filter;
  filter.service = call.query("service");
  filter.from = clock_.now() - std::chrono::hours{24} * call.query_int("days", 30, 1, most_days);
  filter.limit = most_deployments;
  const auto page = co_await history_.list(std::move(filter));
  TimelineView answer;
  constexpr std::size_t date_length = 10;
  for (const auto& record : page.records) {
    auto day = to_rfc3339(record.finished_at.value_or(record.started_at)).substr(0, date_length);
    answer.timeline[std::move(day)].push_back(timeline_row(deployment_row(record)));
  }
  answer.total = page.total;
  co_return http::json_response(dump(to_json(answer)));
}

}  // namespace portoser::api
