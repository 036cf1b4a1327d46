/// The shapes of /api/uptime: what the old backend sent, and what the UI reads beside it. Times and
/// lengths in whole seconds. An unknown number is null. Any thread.
#pragma once

#include "common/clock.h"
#include "common/describe.h"
#include "controller/storage/event_store.h"
#include "controller/telemetry/uptime.h"
#include "controller/telemetry/uptime_history.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace portoser::api {

struct UptimeEventRow {
  std::int64_t id = 0;  ///< 0: no event, but how it was found
  Time timestamp;
  std::string event_type;
  std::string service;
  std::string machine;
  std::string details;
  std::map<std::string, std::string> metadata;  ///< the UI shows each value as it is
  std::optional<std::int64_t> duration;         ///< of the state that it ended
  bool time_estimated = false;
};
BOOST_DESCRIBE_STRUCT(
    UptimeEventRow,
    (),
    (id, timestamp, event_type, service, machine, details, metadata, duration, time_estimated))

struct UptimeStatsRow {
  std::string service;
  std::string machine;
  std::int64_t uptime_seconds = 0;
  std::int64_t downtime_seconds = 0;           ///< by failures
  std::int64_t planned_downtime_seconds = 0;   ///< somebody had stopped it
  std::int64_t unknown_seconds = 0;            ///< nobody watched
  std::int64_t observed_seconds = 0;           ///< the three before that together
  std::int64_t total_seconds = 0;              ///< all four
  std::optional<double> availability_percent;  ///< up of up and down
  std::optional<double> mtbf;  ///< seconds; with `timeRange` hours, as the UI shows them
  std::optional<double> mttr;  ///< seconds; with `timeRange` minutes
  std::optional<double> mtbf_seconds;
  std::optional<double> mttr_seconds;
  std::optional<double> mtbf_hours;
  std::optional<double> mttr_minutes;
  std::int64_t failure_count = 0;
  std::int64_t recovery_count = 0;
  std::string current_status;    ///< up, down, unknown
  bool current_planned = false;  ///< down because somebody had stopped it
  bool former = false;           ///< it is not on this machine any more
  std::optional<Time> last_status_change;
  std::optional<std::int64_t> current_uptime_seconds;
  std::optional<std::int64_t> current_downtime_seconds;
  std::int64_t uptime_duration = 0;  ///< the UI's names
  std::int64_t downtime_duration = 0;
};
BOOST_DESCRIBE_STRUCT(UptimeStatsRow,
                      (),
                      (service,
                       machine,
                       uptime_seconds,
                       downtime_seconds,
                       planned_downtime_seconds,
                       unknown_seconds,
                       observed_seconds,
                       total_seconds,
                       availability_percent,
                       mtbf,
                       mttr,
                       mtbf_seconds,
                       mttr_seconds,
                       mtbf_hours,
                       mttr_minutes,
                       failure_count,
                       recovery_count,
                       current_status,
                       current_planned,
                       former,
                       last_status_change,
                       current_uptime_seconds,
                       current_downtime_seconds,
                       uptime_duration,
                       downtime_duration))

struct UptimeOfService : UptimeStatsRow {
  std::string time_range;  ///< "24h", or "30d" for `days=30`
  /// By time: those of the window, or, truncated, those that a picture of it needs most, and the
  /// last one before.
  std::vector<UptimeEventRow> events;
  std::int64_t total_events = 0;  ///< in the window
  bool truncated = false;         ///< some of the window are left out
};
BOOST_DESCRIBE_STRUCT(UptimeOfService,
                      (UptimeStatsRow),
                      (time_range, events, total_events, truncated))

struct UptimeHistoryView {
  std::string service;
  std::string machine;
  std::vector<UptimeEventRow> events;  ///< by time, notes among them
  std::int64_t total_events = 0;       ///< of the wanted type in the window
  bool truncated = false;              ///< only the newest of these are in `events`
  UptimeStatsRow stats;
  std::int64_t time_range_days = 0;
};
BOOST_DESCRIBE_STRUCT(UptimeHistoryView,
                      (),
                      (service, machine, events, total_events, truncated, stats, time_range_days))

struct UptimeSummaryView {
  // Counted are services where they are now.
  std::int64_t total_services = 0;
  std::int64_t services_up = 0;
  std::int64_t services_down = 0;     ///< they failed
  std::int64_t services_stopped = 0;  ///< somebody stopped them
  std::int64_t services_unknown = 0;
  /// Mean of the services of which it is known, of each wherever it was.
  std::optional<double> overall_availability;
  std::vector<UptimeStatsRow> services;  ///< behind each those of where it was
  Time timestamp;
};
BOOST_DESCRIBE_STRUCT(UptimeSummaryView,
                      (),
                      (total_services,
                       services_up,
                       services_down,
                       services_stopped,
                       services_unknown,
                       overall_availability,
                       services,
                       timestamp))

struct TimelineEntry {
  std::string service;
  std::string machine;
  Time start_time;
  Time end_time;
  std::string status;    ///< up, down, unknown
  bool planned = false;  ///< down because somebody had stopped it
  bool former = false;   ///< it is not on this machine any more
  std::int64_t duration_seconds = 0;
  std::optional<std::string> event_type;  ///< what began it
};
BOOST_DESCRIBE_STRUCT(
    TimelineEntry,
    (),
    (service, machine, start_time, end_time, status, planned, former, duration_seconds, event_type))

struct TimelineView {
  std::vector<std::string> services;
  std::vector<std::string> machines;
  std::vector<TimelineEntry> entries;
  Time start_time;
  Time end_time;
  UptimeSummaryView summary;  ///< of the same services
};
BOOST_DESCRIBE_STRUCT(TimelineView,
                      (),
                      (services, machines, entries, start_time, end_time, summary))

/// `hasMore` is spelled as the UI reads it.
struct UptimeEventPage {
  std::vector<UptimeEventRow> events;  ///< newest first
  std::int64_t total = 0;
  std::int64_t limit = 0;
  std::int64_t offset = 0;
  bool hasMore = false;  // NOLINT(readability-identifier-naming)
};
BOOST_DESCRIBE_STRUCT(UptimeEventPage, (), (events, total, limit, offset, hasMore))

struct UptimeMetricsView {
  std::string service;
  std::string machine;
  std::int64_t days = 0;
  UptimeStatsRow stats;
  std::optional<double> mtbf_seconds;
  std::optional<double> mtbf_hours;
  std::optional<double> mttr_seconds;
  std::optional<double> mttr_minutes;
  std::int64_t total_events = 0;
};
BOOST_DESCRIBE_STRUCT(UptimeMetricsView,
                      (),
                      (service,
                       machine,
                       days,
                       stats,
                       mtbf_seconds,
                       mtbf_hours,
                       mttr_seconds,
                       mttr_minutes,
                       total_events))

/// Details go into a table of the UI's that knows no lines.
std::string in_one_line(std::string text);
UptimeEventRow event_row(const storage::EventRecord& event);
/// What the UI's timeline begins with when nothing ever happened, or needs where nobody saw what
/// happened: how the service was found.
UptimeEventRow found_row(const telemetry::Placed& placed, const telemetry::Found& found);
/// To events that ended a state: how long it had lasted.
void add_durations(std::vector<UptimeEventRow>& rows, const telemetry::UptimeLog& log);
/// `now`: the end of the window.
UptimeStatsRow stats_row(const telemetry::Placed& placed,
                         const telemetry::UptimeLog& log,
                         Time from,
                         Time now);
/// Of a machine that the service has left: how it stands there now is nobody's concern.
void make_former(UptimeStatsRow& row);
/// Nothing is known of it in the window.
bool is_unknown(const UptimeStatsRow& row);
UptimeSummaryView summary_of(std::vector<UptimeStatsRow> rows, Time now);
std::vector<TimelineEntry> timeline_of(const telemetry::Placed& placed,
                                       const telemetry::UptimeLog& log,
                                       Time from,
                                       Time now);

}  // namespace portoser::api
