// The fields of the telemetry answers and their types against what the contract names, see
// contract_fields.h. A field that goes, comes or changes its type without an entry there is a
// broken client or an undocumented promise.

#include "tests/unit/api/api_fixture.h"
#include "tests/unit/api/contract_fields.h"
#include "tests/unit/telemetry/played_host.h"

namespace portoser::api {
namespace {

using contract::operator+;

class TelemetryFields : public ApiTest {
 protected:
  static contract::Fields fields(std::string_view text) { return contract::fields(text); }
  static void expect_fields(const Json& object,
                            const contract::Fields& named,
                            const contract::Fields& ours,
                            std::string_view what) {
    contract::expect_fields(object, named, ours, what);
  }
  static void expect_machine_row(const Json& row, std::string_view what) {
    expect_fields(row, contract::machine_row, contract::our_machine_row, what);
    for (const auto& one : row["services"]) {
      expect_fields(one, contract::current, contract::our_current, "a row of services[]");
    }
    for (const auto& one : row["disks"]) {
      expect_fields(one, {}, contract::our_disk, "a row of disks[]");
    }
    for (const auto& one : row["networks"]) {
      expect_fields(one, {}, contract::our_network, "a row of networks[]");
    }
    for (const auto& one : row["temperatures"]) {
      expect_fields(one, {}, contract::our_temperature, "a row of temperatures[]");
    }
  }
  static void expect_rows_in(const Json& row) {
    for (const auto* list : {"services", "disks", "networks"}) EXPECT_FALSE(row[list].empty());
  }
  static void expect_metrics_of_service(const Json& answer) {
    expect_fields(answer,
                  contract::service_metrics + contract::how_it_stands + fields("historical:object"),
                  fields("history_error:string"),
                  "GET /api/metrics/{service}/{machine}");
    expect_fields(answer["historical"], contract::chart, {}, "historical");
    for (const auto& point : answer["historical"]["dataPoints"]) {
      expect_fields(point, contract::chart_point, {}, "a point of a chart");
    }
    for (const auto& row : answer["history"]) {
      expect_fields(row, contract::resource_metrics, contract::our_usage, "a row of history[]");
    }
  }
  static void expect_device(const Json& row, const contract::Fields& and_also) {
    expect_fields(row, contract::device_row + and_also, contract::our_device_row, "a device");
    expect_fields(row["resources"], contract::device_resources, {}, "resources");
    expect_fields(row["metrics"], contract::device_use, {}, "metrics of a device");
    for (const auto& one : row["services"]) {
      expect_fields(one, contract::device_service, {}, "a row of a device's services[]");
    }
  }
  /// "chalk" with "poems" beside "brick": nothing was ever heard of it.
  void add_chalk() {
    write_file_atomic(folder_ / "registry.yml",
                      "hosts:\n  brick: {ip: 127.0.0.1}\n  chalk: {ip: 127.0.0.2}\nservices:\n"
                      "  notes: {current_host: brick, docker_compose: /srv/notes/compose.yml}\n"
                      "  poems: {current_host: chalk, docker_compose: /srv/poems/compose.yml}\n");
    run(registry_->reload());
  }
};

TEST_F(TelemetryFields, OfTheMetricsOfAService) {
  expect_metrics_of_service(get("/api/metrics/notes/brick"));
  tell_of_notes(24);
  const auto answer = get("/api/metrics/notes/brick");
  expect_metrics_of_service(answer);
  EXPECT_FALSE(answer["history"].empty());
  EXPECT_FALSE(answer["historical"]["dataPoints"].empty());
  expect_fields(answer["current"],
                contract::current + fields("uptime_percent:number"),
                contract::our_current,
                "current");
}

TEST_F(TelemetryFields, OfTheHistoryOfAService) {
  tell_of_notes(2);
  const auto answer = get("/api/metrics/notes/brick/history");
  expect_fields(answer, contract::history, {}, "GET /api/metrics/{service}/{machine}/history");
  expect_fields(answer["data_points"].at(0),
                contract::resource_metrics,
                contract::our_usage,
                "a row of data_points[]");
  expect_fields(answer["summary"], contract::history_summary, {}, "summary");
}

TEST_F(TelemetryFields, OfTheHistoryOfAMachine) {
  tell_of_notes(2);
  clock_.set_by(std::chrono::minutes{20});  // a gap has nulls
  tell_of_notes(2);
  const auto answer = get("/api/metrics/machine/brick/history?interval=1m");
  expect_fields(answer, contract::history, {}, "GET /api/metrics/machine/{machine}/history");
  ASSERT_GT(answer["data_points"].size(), 15U);
  for (const auto& row : answer["data_points"]) {
    expect_fields(row,
                  contract::resource_metrics,
                  contract::our_usage + contract::our_machine_usage,
                  "a row of data_points[]");
  }
}

TEST_F(TelemetryFields, OfUptime) {
  add_chalk();
  tell_of_notes(13);
  storage::EventRecord event;
  event.device_id = "device";
  event.scope = "service";
  event.event_type = "failure";
  event.service = "notes";
  event.machine = "brick";
  event.time = clock_.now();
  run(storage::EventStore{*database_}.append({event}));
  const auto of_service = get("/api/uptime/notes/brick");
  expect_fields(of_service,
                contract::uptime_row + fields("time_range:string events:array"),
                contract::our_uptime_row + fields("total_events:integer truncated:boolean"),
                "GET /api/uptime/{service}/{machine}");
  EXPECT_EQ(of_service["events"].size(), 2U);
  for (const auto& row : of_service["events"]) {
    expect_fields(row, contract::listed_event, contract::our_event, "a row of events[]");
  }
  const auto history = get("/api/uptime/notes/brick/history");
  expect_fields(
      history,
      fields("service:string machine:string events:array stats:object time_range_days:integer"),
      fields("total_events:integer truncated:boolean"),
      "GET /api/uptime/{service}/{machine}/history");
  expect_fields(
      history["stats"], contract::uptime_row, contract::our_uptime_row, "stats of a history");
  const auto page = get("/api/uptime/notes/brick/events");
  expect_fields(page,
                fields("events:array total:integer limit:integer offset:integer hasMore:boolean"),
                {},
                "GET /api/uptime/{service}/{machine}/events");
  expect_fields(
      page["events"].at(0), contract::listed_event, contract::our_event, "a row of a page");
  const auto all = get("/api/uptime/all");
  expect_fields(all, contract::uptime_summary, contract::our_uptime_summary, "GET /api/uptime/all");
  ASSERT_EQ(all["services"].size(), 2U) << "of one nothing is known";
  for (const auto& row : all["services"]) {
    expect_fields(row, contract::uptime_row, contract::our_uptime_row, "a row of a summary");
  }
  const auto metrics = get("/api/uptime/metrics/notes/brick");
  expect_fields(metrics,
                fields("service:string machine:string days:integer stats:object "
                       "mtbf_seconds:number? mtbf_hours:number? mttr_seconds:number? "
                       "mttr_minutes:number? total_events:integer"),
                {},
                "GET /api/uptime/metrics/{service}/{machine}");
  const auto timeline = get("/api/uptime/timeline");
  expect_fields(timeline, contract::timeline, {}, "GET /api/uptime/timeline");
  for (const auto& entry : timeline["entries"]) {
    expect_fields(entry,
                  contract::timeline_entry,
                  fields("planned:boolean former:boolean"),
                  "a row of entries[]");
  }
  expect_fields(timeline["summary"],
                contract::uptime_summary,
                contract::our_uptime_summary,
                "summary of a timeline");
}

TEST_F(TelemetryFields, OfTheMetricsOfMachines) {
  auto sample = telemetry::full_sample(1'000'000);
  sample.temperatures = {{"nvme Composite", 38.5}};
  sample.containers = {telemetry::container("a", 4096)};
  live_.on_sample("brick", clock_.now(), std::move(sample));
  const auto rows = get("/api/metrics/all");
  ASSERT_EQ(rows.size(), 1U);
  expect_machine_row(rows[0], "a row of GET /api/metrics/all");
  expect_rows_in(rows[0]);
  EXPECT_EQ(rows[0]["temperatures"].size(), 1U);
  EXPECT_EQ(get("/api/metrics?format=json").size(), 1U);
  expect_machine_row(get("/api/metrics/machine/brick"), "GET /api/metrics/machine/{machine}");
}

TEST_F(TelemetryFields, OfTheFlatRowsOfServices) {
  const auto rows = get("/api/metrics/all?view=services");
  ASSERT_EQ(rows.size(), 1U);
  expect_fields(rows[0], contract::current, contract::our_current, "a row of ?view=services");
}

/// Every key is there all the same, and null is only where the contract lets it be.
TEST_F(TelemetryFields, OfWhatWasNeverMeasured) {
  add_chalk();
  const auto row = get("/api/metrics/machine/chalk");
  expect_machine_row(row, "a host that was never measured");
  EXPECT_TRUE(row["timestamp"].is_null());
  const auto service = get("/api/metrics/poems/chalk");
  expect_metrics_of_service(service);
  EXPECT_TRUE(service["current"].is_null());
  expect_device(get("/api/devices/chalk"), {});
  for (const auto& one : get("/api/metrics/health")["machine_details"]) {
    expect_fields(one,
                  contract::health_of_machine,
                  fields("sample_age_seconds:number?"),
                  "a row of machine_details[]");
  }
}

TEST_F(TelemetryFields, OfHowMeasuringStands) {
  const auto health = get("/api/metrics/health");
  expect_fields(
      health, contract::metrics_health, fields("drops:object"), "GET /api/metrics/health");
  expect_fields(health["cache"], contract::health_of_cache, {}, "cache");
  expect_fields(health["queue"], contract::health_of_queue, {}, "queue");
  expect_fields(health["drops"], {}, fields("messages:integer values:integer"), "drops");
  ASSERT_EQ(health["machine_details"].size(), 1U);
  expect_fields(health["machine_details"][0],
                contract::health_of_machine,
                fields("sample_age_seconds:number?"),
                "a row of machine_details[]");
  const auto collector = get("/api/metrics/collector/status");
  expect_fields(collector, contract::collector, {}, "GET /api/metrics/collector/status");
  expect_fields(collector["statistics"], contract::collector_statistics, {}, "statistics");
  expect_fields(
      get("/api/metrics/cache/stats"), contract::cache_stats, {}, "GET /api/metrics/cache/stats");
  const auto workers = get("/api/metrics/workers/status");
  expect_fields(workers, contract::workers, {}, "GET /api/metrics/workers/status");
  for (const auto& [name, worker] : workers["workers"].items()) {
    expect_fields(worker, contract::worker, {}, name);
  }
}

TEST_F(TelemetryFields, OfDevices) {
  const auto answer = get("/api/devices");
  expect_fields(answer, contract::page_of_devices, {}, "GET /api/devices");
  EXPECT_EQ(answer["page_size"], 100) << "the UI never asks for a second page";
  ASSERT_EQ(answer["devices"].size(), 1U);
  expect_device(answer["devices"][0], contract::last_seen);
  EXPECT_EQ(answer["devices"][0]["services"].size(), 1U);
}

TEST_F(TelemetryFields, OfTheFramesOfMetrics) {
  for (const auto* path : {"/api/metrics/ws", "/api/ws/metrics"}) {
    const auto socket =
        open_socket(path,
                    {R"({"action":"subscribe","subscriptions":["*@brick"]})",
                     R"({"action":"get_current","service":"notes","machine":"brick"})"});
    expect_fields(frame_of(*socket, "connected"),
                  fields("type:string message:string timestamp:time server:string"),
                  {},
                  "connected");
    const auto service = frame_of(*socket, "metrics_update");
    expect_fields(service,
                  fields("type:string service:string machine:string timestamp:time data:object "
                         "metrics:object"),
                  {},
                  "metrics_update");
    expect_fields(service["data"],
                  contract::service_metrics + contract::how_it_stands,
                  {},
                  "data of metrics_update");
    expect_fields(
        service["metrics"], contract::current, contract::our_current, "metrics of metrics_update");
    const auto machine = frame_of(*socket, "machine_metrics_update");
    expect_fields(machine,
                  fields("type:string machine:string timestamp:time data:object metrics:object"),
                  {},
                  "machine_metrics_update");
    expect_machine_row(machine["data"], "data of machine_metrics_update");
    expect_machine_row(machine["metrics"], "metrics of machine_metrics_update");
    expect_rows_in(machine["data"]);
    const auto asked = frame_of(*socket, "metrics_current");
    expect_fields(asked,
                  fields("type:string service:string machine:string timestamp:time data:object"),
                  {},
                  "metrics_current");
    expect_fields(asked["data"],
                  contract::service_metrics + contract::how_it_stands,
                  {},
                  "data of metrics_current");
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
  expect_fields(frame_of(*everything, "pong"), fields("type:string timestamp:time"), {}, "pong");
  uptime_socket_->event_arrived(event);
  deployment_socket_->event_arrived(event);
  for (const auto& socket : {uptime, everything}) {
    const auto frame = frame_of(*socket, "uptime_event");
    expect_fields(frame,
                  fields("type:string id:integer timestamp:time service:string machine:string "
                         "event_type:string event:object"),
                  {},
                  "uptime_event");
    expect_fields(
        frame["event"], contract::event, fields("time_estimated:boolean"), "event of uptime_event");
  }
}

TEST_F(TelemetryFields, OfAChangeOfADevicesStatus) {
  auto device = welcomed();
  const auto socket = open_socket("/ws", {R"({"action":"ping"})"});
  frame_of(*socket, "pong");
  deployment_socket_->liveness_changed(
      "brick", fleet::Liveness::stale, fleet::Liveness::offline, clock_.now());
  const auto frame = frame_of(*socket, "device_status_change");
  expect_fields(
      frame, fields("type:string timestamp:time data:object"), {}, "device_status_change");
  // "last_seen only for heartbeat_timeout"
  expect_fields(frame["data"],
                fields("hostname:string old_status:string new_status:string reason:string "
                       "last_seen:time?"),
                {},
                "data of device_status_change");
}

}  // namespace
}  // namespace portoser::api
