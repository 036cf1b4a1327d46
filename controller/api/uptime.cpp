#include "controller/api/uptime.h"

#include "common/describe_json.h"
#include "controller/api/time_ranges.h"
#include "controller/http/router.h"
#include "controller/telemetry/uptime_picture.h"
#include "controller/telemetry/usage_history.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace portoser::api {
namespace {

constexpr std::int64_t most_days = 365;
constexpr std::int64_t most_events = 1000;
constexpr std::chrono::hours day{24};
/// Of the details of a note, and of its metadata as JSON: many notes come in one replay.
constexpr std::size_t most_note_bytes = 4096;

const std::vector<std::string>& event_types() {
  static const std::vector<std::string> types{
      "start", "stop", "failure", "recovery", "restart", "deployment"};
  return types;
}

std::vector<http::Parameter> window_parameters() {
  auto parameters = range_parameters("instead of days; mtbf is in hours then and mttr in minutes");
  parameters.push_back({"days", "1 to 365; 30 unless given", "integer"});
  return parameters;
}

/// All that happened to a service on a host, in the order of its times.
storage::EventFilter events_of(const telemetry::Placed& placed) {
  storage::EventFilter filter;
  filter.scope = "service";
  filter.service = placed.service;
  filter.machine = placed.machine;
  filter.by_time = true;
  return filter;
}

/// It was seen before anything happened: a row tells how, or the UI begins with "up".
bool was_found(const telemetry::UptimeLog& log) {
  return !log.watched.empty() &&
         (log.events.empty() || log.events.front().at > log.watched.front().from);
}

/// What no event tells puts itself between those that do; of the time before the window the newest.
void add_found(std::vector<UptimeEventRow>& rows,
               const telemetry::Placed& placed,
               const telemetry::UptimeLog& log,
               Time from) {
  for (const auto& found : telemetry::found_otherwise(log)) {
    const auto place = std::upper_bound(
        rows.begin(), rows.end(), found.at, [](Time at, const UptimeEventRow& row) {
          return at < row.timestamp;
        });
    rows.insert(place, found_row(placed, found));
  }
  const auto inside = std::find_if(
      rows.begin(), rows.end(), [&](const UptimeEventRow& row) { return row.timestamp >= from; });
  if (inside - rows.begin() > 1) rows.erase(rows.begin(), inside - 1);
}

/// Nobody watched it in the window, and nothing happened to it there.
bool is_unwatched(const UptimeStatsRow& row, const telemetry::UptimeLog& log, Time from) {
  return !row.availability_percent && row.observed_seconds == 0 &&
         std::none_of(log.events.begin(),
                      log.events.end(),
                      [from](const telemetry::UptimeEvent& event) { return event.at >= from; });
}

void require_short(const std::string& text, const std::string& name) {
  if (text.size() <= most_note_bytes) return;
  throw Error{Code::invalid,
              fmt::format("{} has {} bytes: it may have {}", name, text.size(), most_note_bytes),
              "body." + name};
}

}  // namespace

void UptimeApi::add_to(http::Router& router) {
  router.add({.path = "/api/uptime/all",
              .summary = "Availability of every service on its host, and on those where it was",
              .errors = {Code::invalid, Code::unavailable},
              .query = window_parameters()},
             *this,
             &UptimeApi::all);
  router.add({.path = "/api/uptime/summary",
              .summary = "The same for 30 days",
              .errors = {Code::unavailable}},
             *this,
             &UptimeApi::summary);
  router.add({.path = "/api/uptime/timeline",
              .summary = "When services were up, down and unknown",
              .errors = {Code::not_found, Code::invalid, Code::too_large, Code::unavailable},
              .query = {{"days", "1 to 90; 7 unless given", "integer"},
                        {"services", "names with commas; all unless given"},
                        {"machines", "names with commas; all unless given"}}},
             *this,
             &UptimeApi::timeline);
  router.add({.method = http::Method::post,
              .path = "/api/uptime/timeline",
              .summary = "When services were up, down and unknown",
              .errors = {Code::not_found, Code::invalid, Code::too_large, Code::unavailable}},
             *this,
             &UptimeApi::posted_timeline);
  router.add(
      {.method = http::Method::post,
       .path = "/api/uptime/event",
       .summary = "Store a note beside the events; it counts for nothing. Its details, and its "
                  "metadata as JSON, have 4096 bytes at most",
       .role = http::Role::admin,
       .errors = {Code::not_found, Code::invalid, Code::unavailable}},
      *this,
      &UptimeApi::note);
  router.add({.path = "/api/uptime/metrics/{service}/{machine}",
              .summary = "Time between failures and time to repair",
              .errors = {Code::not_found, Code::invalid, Code::unavailable},
              .query = window_parameters()},
             *this,
             &UptimeApi::service_metrics);
  router.add(
      {.path = "/api/uptime/{service}/{machine}",
       .summary = "Availability of a service on a host, with its events; of more than 1000 those "
                  "that a picture needs most; notes are not among them",
       .errors = {Code::not_found, Code::invalid, Code::unavailable},
       .query = window_parameters()},
      *this,
      &UptimeApi::service);
  auto history = window_parameters();
  for (const auto* name : {"event_type", "eventType"}) {
    history.push_back({.name = name,
                       .description = "only such events",
                       .allowed = event_types(),
                       .refused_as = Code::invalid});
  }
  router.add(
      {.path = "/api/uptime/{service}/{machine}/history",
       .summary = "Events of a service on a host and the notes on it, oldest first, with its "
                  "availability; the newest 1000, and whether there are more",
       .errors = {Code::not_found, Code::invalid, Code::unavailable},
       .query = std::move(history)},
      *this,
      &UptimeApi::service_history);
  router.add({.path = "/api/uptime/{service}/{machine}/events",
              .summary = "Events of a service on a host of the last year, newest first",
              .errors = {Code::not_found, Code::invalid, Code::unavailable},
              .query = {{"limit", "1 to 1000; 50 unless given", "integer"},
                        {"offset", "how many to leave out", "integer"},
                        {"eventType", "only such events; an unknown word counts for nothing"},
                        {"event_type", "the same"}}},
             *this,
             &UptimeApi::service_events);
}

UptimeApi::Window UptimeApi::window_of(const http::CallContext& call) const {
  Window window;
  window.now = clock_.now();
  const auto days = call.query_int("days", 30, 1, most_days);
  window.from = window.now - days * day;
  window.name = fmt::format("{}d", days);
  if (const auto range = telemetry::time_range(range_of(call).value_or(""))) {
    window.from = window.now - range->length;
    window.name = range->name;
    window.is_range = true;
  }
  return window;
}

telemetry::Placed UptimeApi::placed_of(const http::CallContext& call) const {
  const auto registry = registry_.snapshot()->registry;
  telemetry::Placed placed;
  placed.service = registry->require_service(call.param("service"), "path.service").name;
  placed.machine = registry->require_host(call.param("machine"), "path.machine").name;
  return placed;
}

UptimeStatsRow UptimeApi::stats_of(const telemetry::Placed& placed,
                                   const telemetry::UptimeLog& log,
                                   const Window& window) const {
  auto row = stats_row(placed, log, window.from, window.now);
  const auto registry = registry_.snapshot()->registry;
  const auto* service = registry->find_service(placed.service);
  if (service == nullptr || service->current_host != placed.machine) make_former(row);
  return row;
}

asio::awaitable<UptimeApi::Happened> UptimeApi::newest_of(storage::EventFilter filter) {
  filter.limit = most_events;
  Happened happened;
  auto records = co_await counted(std::move(filter), happened.total);
  happened.truncated = happened.total > most_events;
  for (auto record = records.rbegin(); record != records.rend(); ++record) {
    happened.rows.push_back(event_row(*record));
  }
  co_return happened;
}

/// Side by side: of very many events both take their time.
asio::awaitable<std::vector<storage::EventRecord>> UptimeApi::counted(storage::EventFilter filter,
                                                                      std::int64_t& total) {
  auto count = events_.count(filter);
  auto list = events_.list(std::move(filter));
  auto both = co_await both_of(std::move(count), std::move(list));
  total = both.first;
  co_return std::move(both.second);
}

/// All events of the window, or those that a picture of it needs most.
asio::awaitable<UptimeApi::Happened> UptimeApi::picture_of(telemetry::Placed placed,
                                                           const telemetry::UptimeLog& log,
                                                           Window window) {
  bool began_up = !was_found(log) || log.watched.front().found == telemetry::UpState::up;
  std::int64_t total = 0;
  for (const auto& event : log.events) {
    if (event.at >= window.from) {
      ++total;
    } else {
      began_up = telemetry::is_painted_up(event.change);
    }
  }
  storage::EventFilter filter;
  if (total > most_events) {
    // Nothing but the ids: else the database would look through all of the service's.
    filter.ids = telemetry::telling_events(
        log.events, window.from, Time::max(), began_up, static_cast<std::size_t>(most_events));
    filter.by_time = true;
  } else {
    filter = events_of(placed);
    filter.from_hosts = true;
    filter.since = window.from;
  }
  auto happened = co_await newest_of(std::move(filter));
  if (total > most_events) {
    happened.total = total;
    happened.truncated = true;
  }
  co_return happened;
}

asio::awaitable<UptimeOfService> UptimeApi::service(http::Call<void> call) {
  const auto window = window_of(call);
  const auto placed = placed_of(call);
  const auto log = co_await history_.log(placed, window.from);
  UptimeOfService answer;
  static_cast<UptimeStatsRow&>(answer) = stats_of(placed, log, window);
  // An availability of null is painted "Poor" by the UI, in red. No data is a 404, as the contract
  // says (15.28), also where more is known of a time before.
  if (is_unwatched(answer, log, window.from)) {
    throw Error{Code::not_found,
                fmt::format("nothing is known of \"{}\" on \"{}\" in the last {}",
                            placed.service,
                            placed.machine,
                            window.name),
                "path.service"}
        .reason("NO_HISTORY")
        .hint("ask for a longer time range, or see whether the agent of that host is online");
  }
  if (window.is_range) {
    answer.mtbf = answer.mtbf_hours;
    answer.mttr = answer.mttr_minutes;
  }
  answer.time_range = window.name;
  auto happened = co_await picture_of(placed, log, window);
  answer.events = std::move(happened.rows);
  answer.total_events = happened.total;
  answer.truncated = happened.truncated;
  // How it stood when the window began. Without it the UI paints "up" from there.
  auto filter = events_of(placed);
  filter.from_hosts = true;
  filter.before = window.from;
  filter.limit = 1;
  const auto before = co_await events_.list(std::move(filter));
  for (const auto& record : before) answer.events.insert(answer.events.begin(), event_row(record));
  if (was_found(log)) {
    const auto& first = log.watched.front();
    answer.events.insert(answer.events.begin(), found_row(placed, {first.from, first.found}));
  }
  add_found(answer.events, placed, log, window.from);
  add_durations(answer.events, log);
  co_return answer;
}

asio::awaitable<UptimeHistoryView> UptimeApi::service_history(http::Call<void> call) {
  const auto window = window_of(call);
  const auto placed = placed_of(call);
  auto wanted = call.query("event_type");
  if (!wanted) wanted = call.query("eventType");
  const auto log = co_await history_.log(placed, window.from);
  UptimeHistoryView answer;
  answer.service = placed.service;
  answer.machine = placed.machine;
  answer.stats = stats_of(placed, log, window);
  answer.time_range_days =
      std::chrono::duration_cast<std::chrono::hours>(window.now - window.from) / day;
  auto filter = events_of(placed);
  filter.event_type = std::move(wanted);
  filter.since = window.from;
  auto happened = co_await newest_of(std::move(filter));
  add_durations(happened.rows, log);
  answer.events = std::move(happened.rows);
  answer.total_events = happened.total;
  answer.truncated = happened.truncated;
  co_return answer;
}

asio::awaitable<UptimeEventPage> UptimeApi::service_events(http::Call<void> call) {
  const auto placed = placed_of(call);
  auto filter = events_of(placed);
  filter.since = clock_.now() - most_days * day;
  filter.limit = call.query_int("limit", 50, 1, most_events);
  filter.offset = call.query_int("offset", 0, 0, INT64_MAX);
  auto type = call.query("eventType");
  if (!type) type = call.query("event_type");
  const auto& known = event_types();
  if (type && std::find(known.begin(), known.end(), *type) != known.end()) filter.event_type = type;
  UptimeEventPage page;
  page.limit = filter.limit;
  page.offset = filter.offset;
  const auto records = co_await counted(std::move(filter), page.total);
  for (const auto& record : records) page.events.push_back(event_row(record));
  page.hasMore = page.offset + static_cast<std::int64_t>(records.size()) < page.total;
  co_return page;
}

asio::awaitable<UptimeMetricsView> UptimeApi::service_metrics(http::Call<void> call) {
  const auto window = window_of(call);
  const auto placed = placed_of(call);
  const auto log = co_await history_.log(placed, window.from);
  UptimeMetricsView answer;
  answer.service = placed.service;
  answer.machine = placed.machine;
  answer.days = std::chrono::duration_cast<std::chrono::hours>(window.now - window.from) / day;
  answer.stats = stats_of(placed, log, window);
  answer.mtbf_seconds = answer.stats.mtbf_seconds;
  answer.mtbf_hours = answer.stats.mtbf_hours;
  answer.mttr_seconds = answer.stats.mttr_seconds;
  answer.mttr_minutes = answer.stats.mttr_minutes;
  answer.total_events =
      std::count_if(log.events.begin(), log.events.end(), [&](const telemetry::UptimeEvent& event) {
        return event.at >= window.from && event.at < window.now;
      });
  co_return answer;
}

asio::awaitable<UptimeEventRow> UptimeApi::note(http::Call<UptimeNote> call) {
  const auto registry = registry_.snapshot()->registry;
  const auto& known = event_types();
  if (std::find(known.begin(), known.end(), call.body.event_type) == known.end()) {
    throw Error{Code::invalid,
                fmt::format("event_type is \"{}\": it must be one of {}",
                            call.body.event_type,
                            fmt::join(known, ", ")),
                "body.event_type"};
  }
  storage::EventRecord record;
  record.scope = "service";
  record.event_type = call.body.event_type;
  record.service = registry->require_service(call.body.service, "body.service").name;
  record.machine = registry->require_host(call.body.machine, "body.machine").name;
  record.time = clock_.now();
  record.details = call.body.details.value_or("");
  auto metadata = call.body.metadata.is_null() ? Json::object() : call.body.metadata;
  if (!metadata.is_object()) {
    throw Error{Code::invalid, "metadata must be an object", "body.metadata"};
  }
  require_short(record.details, "details");
  require_short(dump(metadata), "metadata");
  metadata["note"] = "true";
  metadata["by"] = call.user().name;
  record.metadata = dump(metadata);
  record.id = co_await on_executor(core_, fleet_.add_note(record));
  co_return event_row(record);
}

}  // namespace portoser::api
