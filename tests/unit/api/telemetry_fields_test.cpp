// The fields of the telemetry answers against what the contract names: telemetry.md 13, and the
// lists that it builds on. A field that goes or comes without an entry here is a broken client or
// an undocumented promise.

#include "tests/unit/api/api_fixture.h"

#include <set>

namespace portoser::api {
namespace {

using Fields = std::set<std::string>;

Fields operator+(Fields fields, const Fields& more) {
  fields.insert(more.begin(), more.end());
  return fields;
}

/// Exactly the keys of the contract and those that we add to it.
void expect_fields(const Json& object,
                   const Fields& contract,
                   const Fields& ours,
                   std::string_view what) {
  ASSERT_TRUE(object.is_object()) << what << " is " << dump(object);
  for (const auto& field : contract + ours) {
    EXPECT_TRUE(object.contains(field)) << what << " has no " << field;
  }
  for (const auto& [key, value] : object.items()) {
    EXPECT_TRUE(contract.contains(key) || ours.contains(key)) << what << " also has " << key;
  }
}

// 2.1 ResourceMetrics
const Fields resource_metrics{"service",
                              "machine",
                              "timestamp",
                              "cpu_percent",
                              "memory_mb",
                              "memory_total_mb",
                              "disk_gb",
                              "disk_total_gb",
                              "network_rx_bytes",
                              "network_tx_bytes"};
// 13.1 `current`, without uptime_percent: it is left out while it is unknown
const Fields current = resource_metrics + Fields{"memory_percent",
                                                 "disk_percent",
                                                 "cpu_cores",
                                                 "memory_used",
                                                 "memory_total",
                                                 "disk_used",
                                                 "disk_total",
                                                 "network_rx",
                                                 "network_tx",
                                                 "age_seconds",
                                                 "stale"};
const Fields our_current{"block_read_bytes", "block_write_bytes", "block_read", "block_write"};
// 2.1 ServiceMetrics
const Fields service_metrics_fields{"service",
                                    "machine",
                                    "current",
                                    "history",
                                    "avg_cpu",
                                    "peak_cpu",
                                    "avg_memory",
                                    "peak_memory",
                                    "time_range"};
// 13.1, of which sockets have all but the chart
const Fields how_it_stands{"status", "error"};
// 2.1 MachineMetrics
const Fields machine_metrics_fields{"machine",
                                    "cpu_percent",
                                    "memory_percent",
                                    "disk_percent",
                                    "memory_used_mb",
                                    "memory_total_mb",
                                    "disk_used_gb",
                                    "disk_total_gb",
                                    "services",
                                    "timestamp",
                                    "status",
                                    "error"};
// 13.2, without uptime_percent as above
const Fields machine_row = machine_metrics_fields + Fields{"memory_mb",
                                                           "disk_mb",
                                                           "disk_total_mb",
                                                           "cpu_cores",
                                                           "memory_used",
                                                           "memory_total",
                                                           "disk_used",
                                                           "disk_total",
                                                           "network_rx",
                                                           "network_tx",
                                                           "age_seconds",
                                                           "stale",
                                                           "service_count"};
const Fields our_machine_row{"network_rx_bytes",
                             "network_tx_bytes",
                             "swap_used",
                             "swap_total",
                             "swap_percent",
                             "disks",
                             "networks",
                             "load_1",
                             "load_5",
                             "load_15",
                             "temperature_celsius",
                             "temperatures",
                             "boot_time"};
const Fields our_disk{
    "mountpoint", "device", "fstype", "used", "total", "available", "percent", "read", "write"};
const Fields our_network{"interface", "rx_bytes", "tx_bytes", "rx", "tx"};
const Fields our_usage{"cpu_percent_max",
                       "memory_mb_max",
                       "memory_percent",
                       "disk_percent",
                       "network_rx",
                       "network_tx",
                       "load_1",
                       "samples"};
const Fields our_machine_usage{"load_5",
                               "load_15",
                               "swap_mb",
                               "swap_total_mb",
                               "swap_percent",
                               "temperature_celsius",
                               "temperature_celsius_max"};
// 4.1 UptimeStats
const Fields uptime_stats_fields{"service",
                                 "machine",
                                 "uptime_seconds",
                                 "downtime_seconds",
                                 "total_seconds",
                                 "availability_percent",
                                 "mtbf",
                                 "mttr",
                                 "failure_count",
                                 "recovery_count",
                                 "current_status",
                                 "last_status_change",
                                 "current_uptime_seconds",
                                 "current_downtime_seconds"};
// 13.4, without what only the answer for one service has
const Fields uptime_row = uptime_stats_fields + Fields{"uptime_duration",
                                                       "downtime_duration",
                                                       "unknown_seconds",
                                                       "observed_seconds",
                                                       "mtbf_seconds",
                                                       "mttr_seconds",
                                                       "mtbf_hours",
                                                       "mttr_minutes"};
const Fields our_uptime_row{"planned_downtime_seconds", "current_planned", "former"};
// 4.1 UptimeSummary
const Fields uptime_summary{"total_services",
                            "services_up",
                            "services_down",
                            "overall_availability",
                            "services",
                            "timestamp"};
const Fields our_uptime_summary{"services_stopped", "services_unknown"};
// 6.1 DeviceInfo
const Fields device_info{"hostname",
                         "ip",
                         "ssh_user",
                         "registered_at",
                         "arch",
                         "os",
                         "os_version",
                         "status",
                         "resources",
                         "capabilities",
                         "labels",
                         "approval_status",
                         "approved_at",
                         "last_seen_at",
                         "owner_user_id",
                         "assigned_roles"};
// 13.5
const Fields device_row = device_info + Fields{"id",
                                               "name",
                                               "ip_address",
                                               "last_seen",
                                               "device_type",
                                               "cpu_percent",
                                               "memory_percent",
                                               "disk_percent",
                                               "metrics",
                                               "service_count",
                                               "services"};
const Fields our_device_row{"device_id",
                            "agent_version",
                            "liveness",
                            "mode",
                            "description",
                            "has_agent",
                            "ssh_key_fingerprint"};

class TelemetryFields : public ApiTest {
 protected:
  static void expect_machine_row(const Json& row, std::string_view what) {
    expect_fields(row, machine_row, our_machine_row, what);
    ASSERT_EQ(row["services"].size(), 1U) << what;
    expect_fields(row["services"][0], current, our_current, "a row of services[]");
    expect_fields(row["disks"].at(0), {}, our_disk, "a row of disks[]");
    expect_fields(row["networks"].at(0), {}, our_network, "a row of networks[]");
  }
};

TEST_F(TelemetryFields, OfTheMetricsOfAService) {
  const auto answer = get("/api/metrics/notes/brick");
  expect_fields(answer,
                service_metrics_fields + how_it_stands + Fields{"historical"},
                {"history_error"},
                "GET /api/metrics/{service}/{machine}");
  expect_fields(answer["current"], current, our_current, "current");
  expect_fields(answer["historical"], {"metrics", "dataPoints"}, {}, "historical");
  const HistoryPoint point;
  expect_fields(to_json(point), {"timestamp", "cpu", "memory", "disk"}, {}, "a point of a chart");
}

TEST_F(TelemetryFields, OfTheHistoryOfAService) {
  tell_of_notes(2);
  const auto answer = get("/api/metrics/notes/brick/history");
  expect_fields(answer,
                {"service", "machine", "time_range", "interval", "data_points", "summary"},
                {},
                "GET /api/metrics/{service}/{machine}/history");
  expect_fields(answer["data_points"].at(0), resource_metrics, our_usage, "a row of data_points[]");
  expect_fields(answer["summary"],
                {"avg_cpu",
                 "avg_memory",
                 "peak_cpu",
                 "peak_memory",
                 "min_cpu",
                 "min_memory",
                 "max_cpu",
                 "max_memory"},
                {},
                "summary");
}

TEST_F(TelemetryFields, OfTheHistoryOfAMachine) {
  tell_of_notes(2);
  const auto answer = get("/api/metrics/machine/brick/history");
  expect_fields(answer,
                {"service", "machine", "time_range", "interval", "data_points", "summary"},
                {},
                "GET /api/metrics/machine/{machine}/history");
  expect_fields(answer["data_points"].at(0),
                resource_metrics,
                our_usage + our_machine_usage,
                "a row of data_points[]");
}

TEST_F(TelemetryFields, OfUptime) {
  tell_of_notes(13);
  storage::EventRecord event;
  event.device_id = "device";
  event.scope = "service";
  event.event_type = "failure";
  event.service = "notes";
  event.machine = "brick";
  event.time = clock_.now();
  run(storage::EventStore{*database_}.append({event}));
  const Fields contract_event{
      "timestamp", "event_type", "service", "machine", "details", "metadata", "duration"};
  const Fields our_event{"id", "time_estimated"};
  const auto of_service = get("/api/uptime/notes/brick");
  expect_fields(of_service,
                uptime_row + Fields{"time_range", "events"},
                our_uptime_row + Fields{"total_events", "truncated"},
                "GET /api/uptime/{service}/{machine}");
  for (const auto& row : of_service["events"]) {
    expect_fields(row, contract_event, our_event, "a row of events[]");
  }
  const auto history = get("/api/uptime/notes/brick/history");
  expect_fields(history,
                {"service", "machine", "events", "stats", "time_range_days"},
                {"total_events", "truncated"},
                "GET /api/uptime/{service}/{machine}/history");
  expect_fields(history["stats"], uptime_row, our_uptime_row, "stats of a history");
  const auto page = get("/api/uptime/notes/brick/events");
  expect_fields(page,
                {"events", "total", "limit", "offset", "hasMore"},
                {},
                "GET /api/uptime/{service}/{machine}/events");
  expect_fields(page["events"].at(0), contract_event, our_event, "a row of a page");
  const auto all = get("/api/uptime/all");
  expect_fields(all, uptime_summary, our_uptime_summary, "GET /api/uptime/all");
  expect_fields(all["services"].at(0), uptime_row, our_uptime_row, "a row of a summary");
  const auto metrics = get("/api/uptime/metrics/notes/brick");
  expect_fields(metrics,
                {"service",
                 "machine",
                 "days",
                 "stats",
                 "mtbf_seconds",
                 "mtbf_hours",
                 "mttr_seconds",
                 "mttr_minutes",
                 "total_events"},
                {},
                "GET /api/uptime/metrics/{service}/{machine}");
  const auto timeline = get("/api/uptime/timeline");
  expect_fields(timeline,
                {"services", "machines", "entries", "start_time", "end_time", "summary"},
                {},
                "GET /api/uptime/timeline");
  expect_fields(
      timeline["entries"].at(0),
      {"service", "machine", "start_time", "end_time", "status", "duration_seconds", "event_type"},
      {"planned", "former"},
      "a row of entries[]");
  expect_fields(timeline["summary"], uptime_summary, our_uptime_summary, "summary of a timeline");
}

TEST_F(TelemetryFields, OfTheMetricsOfMachines) {
  const auto rows = get("/api/metrics/all");
  ASSERT_EQ(rows.size(), 1U);
  expect_machine_row(rows[0], "a row of GET /api/metrics/all");
  EXPECT_EQ(get("/api/metrics?format=json").size(), 1U);
  expect_machine_row(get("/api/metrics/machine/brick"), "GET /api/metrics/machine/{machine}");
}

TEST_F(TelemetryFields, OfTheFlatRowsOfServices) {
  const auto rows = get("/api/metrics/all?view=services");
  ASSERT_EQ(rows.size(), 1U);
  expect_fields(rows[0], current, our_current, "a row of ?view=services");
}

TEST_F(TelemetryFields, OfDevices) {
  const auto answer = get("/api/devices");
  expect_fields(
      answer, {"devices", "total", "total_pages", "page", "page_size"}, {}, "GET /api/devices");
  EXPECT_EQ(answer["page_size"], 100) << "the UI never asks for a second page";
  ASSERT_EQ(answer["devices"].size(), 1U);
  const auto& row = answer["devices"][0];
  expect_fields(row, device_row, our_device_row, "a row of GET /api/devices");
  EXPECT_TRUE(row["last_seen"].is_string()) << "the UI would show null as 1970";
  expect_fields(row["resources"],
                {"cpu_cores", "cpu_threads", "memory_gb", "disk_gb", "gpu", "mlx_capable"},
                {},
                "resources");
  expect_fields(
      row["metrics"], {"cpu_percent", "memory_percent", "disk_percent"}, {}, "metrics of a device");
  ASSERT_EQ(row["services"].size(), 1U);
  expect_fields(
      row["services"][0], {"name", "cpu_percent", "status"}, {}, "a row of a device's services[]");
}

TEST_F(TelemetryFields, OfTheFramesOfMetrics) {
  for (const auto* path : {"/api/metrics/ws", "/api/ws/metrics"}) {
    const auto socket =
        open_socket(path,
                    {R"({"action":"subscribe","subscriptions":["*@brick"]})",
                     R"({"action":"get_current","service":"notes","machine":"brick"})"});
    expect_fields(frame_of(*socket, "connected"),
                  {"type", "message", "timestamp", "server"},
                  {},
                  "connected");
    const auto service = frame_of(*socket, "metrics_update");
    expect_fields(service,
                  {"type", "service", "machine", "timestamp", "data", "metrics"},
                  {},
                  "metrics_update");
    expect_fields(
        service["data"], service_metrics_fields + how_it_stands, {}, "data of metrics_update");
    expect_fields(service["metrics"], current, our_current, "metrics of metrics_update");
    const auto machine = frame_of(*socket, "machine_metrics_update");
    expect_fields(
        machine, {"type", "machine", "timestamp", "data", "metrics"}, {}, "machine_metrics_update");
    expect_machine_row(machine["data"], "data of machine_metrics_update");
    expect_machine_row(machine["metrics"], "metrics of machine_metrics_update");
    const auto asked = frame_of(*socket, "metrics_current");
    expect_fields(
        asked, {"type", "service", "machine", "timestamp", "data"}, {}, "metrics_current");
    expect_fields(
        asked["data"], service_metrics_fields + how_it_stands, {}, "data of metrics_current");
  }
}

TEST_F(TelemetryFields, OfTheFramesOfEvents) {
  storage::EventRecord event;
  event.id = 17;
  event.time = clock_.now();
  event.scope = "service";
  event.event_type = "failure";
  event.service = "notes";
  event.machine = "brick";
  event.details = "exit 137";
  event.metadata = R"({"exit_code":137})";
  const auto uptime = open_socket("/api/uptime/ws", {});
  const auto everything = open_socket("/ws", {R"({"action":"ping"})"});
  frame_of(*uptime, "connected");
  expect_fields(frame_of(*everything, "pong"), {"type", "timestamp"}, {}, "pong");
  uptime_socket_->event_arrived(event);
  deployment_socket_->event_arrived(event);
  for (const auto& socket : {uptime, everything}) {
    const auto frame = frame_of(*socket, "uptime_event");
    expect_fields(frame,
                  {"type", "id", "timestamp", "service", "machine", "event_type", "event"},
                  {},
                  "uptime_event");
    expect_fields(frame["event"],
                  {"timestamp", "event_type", "service", "machine", "details", "metadata"},
                  {"time_estimated"},
                  "event of uptime_event");
  }
}

TEST_F(TelemetryFields, OfAChangeOfADevicesStatus) {
  auto device = welcomed();
  const auto socket = open_socket("/ws", {R"({"action":"ping"})"});
  frame_of(*socket, "pong");
  deployment_socket_->liveness_changed(
      "brick", fleet::Liveness::stale, fleet::Liveness::offline, clock_.now());
  const auto frame = frame_of(*socket, "device_status_change");
  expect_fields(frame, {"type", "timestamp", "data"}, {}, "device_status_change");
  expect_fields(frame["data"],
                {"hostname", "old_status", "new_status", "reason", "last_seen"},
                {},
                "data of device_status_change");
}

}  // namespace
}  // namespace portoser::api
