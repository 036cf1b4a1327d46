#include "controller/api/audit.h"

#include "controller/api/service_rows.h"
#include "controller/api/time_ranges.h"
#include "controller/http/router.h"

#include <utility>

namespace portoser::api {
namespace {

constexpr std::int64_t most_entries = 1000;

struct AuditView {
  std::int64_t id = 0;
  Time time;
  std::optional<std::string> user;  ///< null: nobody was recognised
  std::string method;
  std::string path;
  std::int64_t status = 0;
  std::optional<std::string> reason;  ///< why it was refused or failed
  std::string remote;
  std::string request_id;
  double duration_ms = 0;
};
BOOST_DESCRIBE_STRUCT(
    AuditView, (), (id, time, user, method, path, status, reason, remote, request_id, duration_ms))

struct AuditPage {
  std::vector<AuditView> entries;    ///< newest first
  std::optional<std::int64_t> next;  ///< `before` of the next page; null: there is none
};
BOOST_DESCRIBE_STRUCT(AuditPage, (), (entries, next))

}  // namespace

void AuditApi::add_to(http::Router& router) {
  router.add<AuditPage>(
      {.path = "/api/audit",
       .summary = "Mutating requests and refusals, newest first",
       .role = http::Role::admin,
       .errors = {Code::invalid, Code::unavailable},
       .query = {{"user", "only of this user"},
                 {.name = "method",
                  .description = "only such",
                  .allowed = {"POST", "PUT", "PATCH", "DELETE", "GET"},
                  .refused_as = Code::invalid},
                 {"from_date", "at this time or later; RFC 3339 or a date"},
                 {"to_date", "before this time, or on this date or before"},
                 {"before", "only with a smaller id: `next` of the page before", "integer"},
                 {"limit", "1 to 1000; 100 unless given", "integer"}}},
      *this,
      &AuditApi::list);
}

asio::awaitable<http::Response> AuditApi::list(http::Call<void> call) {
  storage::AuditFilter filter;
  filter.user_name = call.query("user");
  filter.method = call.query("method");
  filter.from = begin_of(call, "from_date");
  filter.until = end_of(call, "to_date");
  if (call.query("before")) {
    filter.before_id = call.query_int("before", 0, 1, std::int64_t{1} << 62U);
  }
  filter.limit = call.query_int("limit", filter.limit, 1, most_entries);
  const auto limit = filter.limit;
  const auto records = co_await store_.list(std::move(filter));
  AuditPage page;
  for (const auto& record : records) {
    AuditView view;
    view.id = record.id;
    view.time = record.time;
    view.user = unless_empty(record.user_name);
    view.method = record.method;
    view.path = record.path;
    view.status = record.status;
    view.reason = unless_empty(record.reason);
    view.remote = record.remote;
    view.request_id = record.request_id;
    view.duration_ms = static_cast<double>(record.duration_us) / 1000;
    page.entries.push_back(std::move(view));
  }
  if (static_cast<std::int64_t>(records.size()) == limit) page.next = records.back().id;
  co_return http::json_response(dump(to_json(page)));
}

}  // namespace portoser::api
