#include "controller/api/uptime_rows.h"

#include "common/describe_json.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

namespace portoser::api {
namespace {

using telemetry::UpState;

std::int64_t whole_seconds(std::chrono::microseconds duration) {
  return std::chrono::duration_cast<std::chrono::seconds>(duration).count();
}

std::optional<double> rounded(std::optional<double> value, double unit = 1) {
  constexpr double hundredths = 100;
  return value ? std::optional{std::round(*value / unit * hundredths) / hundredths} : std::nullopt;
}

std::string status_word(UpState state) {
  switch (state) {
    case UpState::up:
      return "up";
    case UpState::down:
    case UpState::stopped:
      return "down";
    case UpState::unknown:
      break;
  }
  return "unknown";
}

std::string change_word(telemetry::UptimeChange change) {
  switch (change) {
    case telemetry::UptimeChange::start:
      return "start";
    case telemetry::UptimeChange::stop:
      return "stop";
    case telemetry::UptimeChange::failure:
      return "failure";
    case telemetry::UptimeChange::recovery:
      return "recovery";
    case telemetry::UptimeChange::restart:
      return "restart";
  }
  return "unknown";
}

/// The UI shows values as they are: what is nested becomes text, nothing vanishes.
std::map<std::string, std::string> flat(const std::string& metadata) {
  std::map<std::string, std::string> values;
  const auto json = Json::parse(metadata, nullptr, false);
  if (!json.is_object()) return values;
  for (const auto& [key, value] : json.items()) {
    values[key] = value.is_string() ? value.get<std::string>() : dump(value);
  }
  return values;
}

}  // namespace

std::string in_one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return text;
}

UptimeEventRow event_row(const storage::EventRecord& event) {
  UptimeEventRow row;
  row.id = event.id;
  row.timestamp = event.time;
  row.event_type = event.event_type;
  row.service = event.service;
  row.machine = event.machine;
  row.details = in_one_line(event.details);
  row.metadata = flat(event.metadata);
  row.time_estimated = event.time_estimated;
  return row;
}

void add_durations(std::vector<UptimeEventRow>& rows, const telemetry::UptimeLog& log) {
  if (rows.empty()) return;
  std::unordered_set<std::int64_t> ids;
  for (const auto& row : rows) ids.insert(row.id);
  const auto lengths = telemetry::ended_states(log, ids);
  for (auto& row : rows) {
    const auto found = lengths.find(row.id);
    if (found == lengths.end()) continue;
    row.duration = std::chrono::duration_cast<std::chrono::seconds>(found->second).count();
  }
}

UptimeEventRow found_row(const telemetry::Placed& placed, const telemetry::Found& found) {
  UptimeEventRow row;
  row.timestamp = found.at;
  row.service = placed.service;
  row.machine = placed.machine;
  switch (found.state) {
    case telemetry::UpState::up:
      row.event_type = "start";
      row.details = "it ran when its agent looked; nobody saw what happened before";
      break;
    case telemetry::UpState::down:
      row.event_type = "failure";
      row.details = "it had failed when its agent looked; nobody saw what happened before";
      break;
    case telemetry::UpState::stopped:
    case telemetry::UpState::unknown:
      row.event_type = "stop";
      row.details = "it did not run when its agent looked; nobody saw what happened before";
      break;
  }
  row.metadata = {{"found", "true"}};
  return row;
}

UptimeStatsRow stats_row(const telemetry::Placed& placed,
                         const telemetry::UptimeLog& log,
                         Time from,
                         Time now) {
  constexpr double hour = 3600;
  constexpr double minute = 60;
  const auto stats = telemetry::uptime_stats(log, from, now);
  UptimeStatsRow row;
  row.service = placed.service;
  row.machine = placed.machine;
  row.uptime_seconds = whole_seconds(stats.up);
  row.downtime_seconds = whole_seconds(stats.down);
  row.planned_downtime_seconds = whole_seconds(stats.stopped);
  row.total_seconds = whole_seconds(now - from);
  row.observed_seconds = whole_seconds(stats.observed());
  row.unknown_seconds = whole_seconds(stats.unknown);
  row.availability_percent = rounded(stats.availability_percent);
  row.mtbf = row.mtbf_seconds = rounded(stats.mtbf_seconds);
  row.mttr = row.mttr_seconds = rounded(stats.mttr_seconds);
  row.mtbf_hours = rounded(stats.mtbf_seconds, hour);
  row.mttr_minutes = rounded(stats.mttr_seconds, minute);
  row.failure_count = stats.failures;
  row.recovery_count = stats.recoveries;
  row.current_status = status_word(stats.current);
  row.current_planned = stats.current == UpState::stopped;
  row.last_status_change = stats.last_change;
  if (stats.current_since) {
    const auto since = whole_seconds(now - *stats.current_since);
    (stats.current == UpState::up ? row.current_uptime_seconds : row.current_downtime_seconds) =
        since;
  }
  row.uptime_duration = row.uptime_seconds;
  row.downtime_duration = row.downtime_seconds;
  return row;
}

void make_former(UptimeStatsRow& row) {
  row.former = true;
  row.current_status = status_word(UpState::unknown);
  row.current_planned = false;
  row.current_uptime_seconds.reset();
  row.current_downtime_seconds.reset();
}

bool is_unknown(const UptimeStatsRow& row) {
  return row.observed_seconds == 0 && !row.last_status_change;
}

UptimeSummaryView summary_of(std::vector<UptimeStatsRow> rows, Time now) {
  UptimeSummaryView summary;
  summary.timestamp = now;
  /// Of a service wherever it was, each place with the time for which it is known there.
  struct Known {
    double percent_seconds = 0;
    double seconds = 0;
  };
  std::map<std::string, Known> known;
  for (const auto& row : rows) {
    if (!row.former) {
      ++summary.total_services;
      ++(row.current_status == "up"     ? summary.services_up
         : row.current_planned          ? summary.services_stopped
         : row.current_status == "down" ? summary.services_down
                                        : summary.services_unknown);
    }
    if (!row.availability_percent) continue;
    const auto seconds =
        std::max<double>(1, static_cast<double>(row.uptime_seconds + row.downtime_seconds));
    auto& service = known[row.service];
    service.percent_seconds += seconds * *row.availability_percent;
    service.seconds += seconds;
  }
  double sum = 0;
  for (const auto& [service, all] : known) sum += all.percent_seconds / all.seconds;
  if (!known.empty()) {
    summary.overall_availability = rounded(sum / static_cast<double>(known.size()));
  }
  summary.services = std::move(rows);
  return summary;
}

std::vector<TimelineEntry> timeline_of(const telemetry::Placed& placed,
                                       const telemetry::UptimeLog& log,
                                       Time from,
                                       Time now) {
  std::vector<TimelineEntry> entries;
  for (const auto& segment : telemetry::uptime_segments(log, from, now)) {
    auto& entry = entries.emplace_back();
    entry.service = placed.service;
    entry.machine = placed.machine;
    entry.start_time = segment.from;
    entry.end_time = segment.to;
    entry.status = status_word(segment.state);
    entry.planned = segment.state == UpState::stopped;
    entry.duration_seconds = whole_seconds(segment.to - segment.from);
    if (segment.cause) entry.event_type = change_word(*segment.cause);
  }
  return entries;
}

}  // namespace portoser::api
