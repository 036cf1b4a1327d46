#include "tests/unit/api/api_fixture.h"
#include "tests/unit/telemetry/played_host.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <sstream>

namespace portoser::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class MetricsStateTest : public ApiTest {
 protected:
  Json ask_for(http::Method method, std::string_view path, const Json& body = Json::object()) {
    http::Request request;
    request.method = method;
    request.set_target(path);
    request.body = dump(body);
    http::Match match;
    router_.find(request, match);
    const http::CallContext call{request, match.endpoint->parameters, match.values};
    return Json::parse(
        (match.endpoint->at_once ? match.endpoint->at_once(call) : run(match.endpoint->later(call)))
            .text());
  }
  Json post(std::string_view path, const Json& body = Json::object()) {
    return ask_for(http::Method::post, path, body);
  }
};

TEST_F(MetricsStateTest, ServicesNameTheirHosts) {
  EXPECT_EQ(get("/api/metrics/services")["notes"], Json::array({"brick"}));
}

TEST_F(MetricsStateTest, TheStreamHasALineForEachHost) {
  const auto response = ask("/api/metrics/all/stream");
  EXPECT_EQ(response.content_type, "application/x-ndjson");
  std::istringstream lines{std::string{response.text()}};
  std::vector<std::string> types;
  std::vector<std::string> machines;
  for (std::string text; std::getline(lines, text);) {
    const auto line = Json::parse(text);
    types.push_back(line["type"]);
    if (line.contains("machine")) machines.push_back(line["machine"]);
  }
  EXPECT_EQ(types.front(), "status");
  EXPECT_EQ(types.back(), "complete");
  EXPECT_THAT(machines, testing::Contains("brick"));
  EXPECT_EQ(machines.size() + 2, types.size());
}

TEST_F(MetricsStateTest, TheStreamOfAnEmptyRegistryIsOneLineThatSaysSo) {
  write_file_atomic(folder_ / "registry.yml", "hosts: {}\nservices: {}\n");
  run(registry_->reload());
  const auto response = ask("/api/metrics/all/stream");
  EXPECT_EQ(response.content_type, "application/x-ndjson");
  const auto text = response.text();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_EQ(Json::parse(text), (Json{{"error", "No machines found"}, {"code", "NO_MACHINES"}}));
}

TEST_F(MetricsStateTest, RemoteWriteIsDisabledWithoutAnAddress) {
  const auto view = get("/api/metrics/workers/status");
  EXPECT_EQ(view["workers"]["remote_write"]["status"], "disabled");
  EXPECT_EQ(view["workers"]["remote_write"]["enabled"], false);
}

TEST_F(MetricsStateTest, TheCollectorCountsSamplesAndHosts) {
  const auto before = get("/api/metrics/collector/status");
  EXPECT_EQ(before["interval"], 5.0);
  EXPECT_EQ(before["max_concurrent"], 1);
  tell_of_notes(3);
  const auto after = get("/api/metrics/collector/status")["statistics"];
  EXPECT_EQ(after["total_collections"].get<int>(),
            before["statistics"]["total_collections"].get<int>() + 3);
  EXPECT_TRUE(after["last_collection_time"].is_string());
}

TEST_F(MetricsStateTest, TheKeptAnswerCanBeForgotten) {
  EXPECT_EQ(post("/api/metrics/cache/clear")["entries_cleared"], 0);
  get("/api/metrics/all");
  EXPECT_EQ(get("/api/metrics/cache/stats")["cache_size"], 1);
  EXPECT_EQ(post("/api/metrics/cache/clear")["entries_cleared"], 1);
  EXPECT_EQ(get("/api/metrics/cache/stats")["cache_size"], 0);
}

TEST_F(MetricsStateTest, HealthSaysHowEachHostStands) {
  const auto health = get("/api/metrics/health");
  EXPECT_EQ(health["machines"]["brick"], "healthy");
  EXPECT_EQ(health["status"], "healthy");
  live_.on_liveness("brick", fleet::Liveness::online, fleet::Liveness::offline, clock_.now());
  const auto later = get("/api/metrics/health");
  EXPECT_EQ(later["machines"]["brick"], "unhealthy");
  EXPECT_EQ(later["status"], "unhealthy");
}

/// They are in registry.yml, and no agent ever spoke of them.
TEST_F(MetricsStateTest, HealthOfHostsOfWhichNothingIsKnownIsUnknown) {
  live_.on_device({"device_deregistered", "brick", "", "", false, {}});
  write_file_atomic(folder_ / "registry.yml",
                    "hosts:\n  chalk: {ip: 127.0.0.2}\n  slate: {ip: 127.0.0.3}\n");
  run(registry_->reload());
  const auto health = get("/api/metrics/health");
  EXPECT_EQ(health["machines"], (Json{{"chalk", "unknown"}, {"slate", "unknown"}}));
  EXPECT_EQ(health["status"], "unknown");
  EXPECT_EQ(health["collector_running"], false);
  EXPECT_EQ(get("/api/metrics/collector/status")["running"], false);
  EXPECT_EQ(get("/api/metrics/workers/status")["workers"]["metrics_collector"]["status"], "idle");
}

/// The contract counts what is ill, and there is nothing.
TEST_F(MetricsStateTest, HealthOfAnEmptyRegistryIsHealthyAndNothingIsCollected) {
  live_.on_device({"device_deregistered", "brick", "", "", false, {}});
  write_file_atomic(folder_ / "registry.yml", "hosts: {}\nservices: {}\n");
  run(registry_->reload());
  const auto health = get("/api/metrics/health");
  EXPECT_EQ(health["status"], "healthy");
  EXPECT_EQ(health["machines"], Json::object());
  EXPECT_EQ(health["collector_running"], false);
}

TEST_F(MetricsStateTest, OneHostThatIsKnownDecidesBesideOthersThatAreNot) {
  write_file_atomic(folder_ / "registry.yml",
                    "hosts:\n  brick: {ip: 127.0.0.1}\n  chalk: {ip: 127.0.0.2}\n");
  run(registry_->reload());
  const auto health = get("/api/metrics/health");
  EXPECT_EQ(health["machines"]["chalk"], "unknown");
  EXPECT_EQ(health["status"], "healthy");
  EXPECT_EQ(health["collector_running"], true);
}

TEST_F(MetricsStateTest, ASnapshotSaysWhetherItIsOfNow) {
  EXPECT_EQ(post("/api/metrics/snapshot", {{"machine", "brick"}})["status"], "completed");
  EXPECT_EQ(post("/api/metrics/snapshot", {{"all", true}})["status"], "completed");
  live_.on_liveness("brick", fleet::Liveness::online, fleet::Liveness::offline, clock_.now());
  const auto all = post("/api/metrics/snapshot", {{"all", true}});
  EXPECT_EQ(all["status"], "failed");
  EXPECT_THAT(all["message"].get<std::string>(), HasSubstr("cannot be measured"));
  EXPECT_THROW(post("/api/metrics/snapshot"), Error);
  EXPECT_THROW(post("/api/metrics/snapshot", {{"machine", "x'; id; '"}}), Error);
}

TEST_F(MetricsStateTest, ASnapshotOfAServiceIsOfTheOneOnThatHost) {
  EXPECT_EQ(post("/api/metrics/snapshot", {{"service", "notes"}, {"machine", "brick"}})["status"],
            "completed");
  write_file_atomic(folder_ / "registry.yml",
                    "hosts:\n  brick: {ip: 127.0.0.1}\n  chalk: {ip: 127.0.0.2}\nservices:\n"
                    "  notes: {current_host: brick, docker_compose: /srv/notes/compose.yml}\n");
  run(registry_->reload());
  try {
    post("/api/metrics/snapshot", {{"service", "notes"}, {"machine", "chalk"}});
    FAIL() << "answered";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::not_found);
    EXPECT_EQ(error.where(), "body.machine");
    EXPECT_EQ(error.hint(), "it is on \"brick\"");
  }
  EXPECT_THROW(post("/api/metrics/snapshot", {{"service", "notes"}}), Error) << "on which host?";
  // Its host is measured, and it is not.
  live_.on_state("brick", clock_.now(), telemetry::state_of_notes("stopped", {}));
  const auto stopped = post("/api/metrics/snapshot", {{"service", "notes"}, {"machine", "brick"}});
  EXPECT_EQ(stopped["status"], "failed");
  EXPECT_THAT(stopped["message"].get<std::string>(), HasSubstr("notes cannot be measured"));
}

TEST_F(MetricsStateTest, HealthTellsFailuresSuccessesAndDrops) {
  auto sample = telemetry::full_sample(2);
  sample.memory.reset();
  live_.on_sample("brick", clock_.now(), sample);
  live_.on_sample("brick", clock_.now(), sample);
  const auto health = get("/api/metrics/health");
  const auto& row = health["machine_details"][0];
  EXPECT_EQ(row["status"], "degraded");
  EXPECT_EQ(row["consecutive_failures"], 2);
  EXPECT_TRUE(row["last_success"].is_string()) << dump(row);
  EXPECT_TRUE(row["last_failure"].is_string());
  EXPECT_TRUE(row["response_time_ms"].is_null()) << "no sample came over the wire";
  EXPECT_EQ(health["drops"]["messages"], 0);
}

TEST_F(MetricsStateTest, HealthCountsWhatWasDropped) {
  auto device = welcomed();
  device.send_raw("no msgpack");
  device.send_raw(std::string(protocol::message_limit + 1, 'x'));
  step_until([&] { return get("/api/metrics/health")["drops"]["messages"] == 2; });
  EXPECT_EQ(get("/api/metrics/health")["drops"]["values"], 0);
  // A host has 4096 series at most.
  auto sample = telemetry::full_sample(3);
  for (int i = 0; i < 5000; ++i) sample.services.push_back({"s" + std::to_string(i), true});
  live_.on_sample("brick", clock_.now(), std::move(sample));
  const auto values = get("/api/metrics/health")["drops"]["values"].get<int>();
  EXPECT_GT(values, 5000 - 4096);
  EXPECT_LT(values, 5000);
}

TEST_F(MetricsStateTest, TheRoundTripIsTheResponseTime) {
  auto device = welcomed();
  const auto response_time = [this] {
    return get("/api/metrics/health")["machine_details"][0]["response_time_ms"];
  };
  std::int64_t uptime = 2000;
  step_until([&] {
    device.send(sample(++uptime));
    return response_time().is_number();
  });
  EXPECT_GT(response_time().get<double>(), 0);
  EXPECT_LT(response_time().get<double>(), 1000);
}

TEST_F(MetricsStateTest, TheCollectorFailsWhenNoHostThatWasHeardIsMeasured) {
  const auto worker = [this] {
    return get("/api/metrics/workers/status")["workers"]["metrics_collector"];
  };
  EXPECT_EQ(worker()["status"], "running");
  EXPECT_EQ(worker()["description"], "1 of 1 hosts measure and send by themselves");
  EXPECT_EQ(get("/api/metrics/collector/status")["running"], true);
  live_.on_liveness("brick", fleet::Liveness::online, fleet::Liveness::offline, clock_.now());
  EXPECT_EQ(worker()["status"], "failing");
  EXPECT_EQ(get("/api/metrics/collector/status")["running"], false);
  EXPECT_EQ(get("/api/metrics/health")["collector_running"], false);
}

TEST(MetricsWorkers, SayWhatTheyDoAndWhetherTheyDoIt) {
  EXPECT_EQ(collector_worker({}, Time{}).status, "idle");
  EXPECT_EQ(presence_worker(3, std::chrono::seconds{1}).status, "running");
  EXPECT_EQ(presence_worker(3, std::chrono::seconds{1}).description,
            "follows the connections of 3 devices");
  EXPECT_EQ(presence_worker(3, std::chrono::seconds{11}).status, "failing");
  storage::DatabaseStats stats;
  EXPECT_EQ(queue_worker(stats).status, "running");
  storage::DatabaseProblem problem;
  problem.message = "the disk is full";
  stats.problem = std::make_shared<const storage::DatabaseProblem>(problem);
  EXPECT_EQ(queue_worker(stats).status, "failing");
  EXPECT_EQ(queue_worker(stats).description, "the disk is full");
}

TEST_F(MetricsStateTest, ThePresenceOfDevicesIsJudgedAgainAndAgain) {
  const auto before = fleet_->presence_checked_at();
  step_until([&] { return fleet_->presence_checked_at() > before; });
  EXPECT_EQ(get("/api/metrics/workers/status")["workers"]["device_health_monitor"]["status"],
            "running");
}

TEST_F(MetricsStateTest, CleaningUpDeletesWhatIsOlder) {
  tell_of_notes(24);
  run(series_.write_log());
  while (run(series_.seal_some(true))) {
  }
  clock_.set_by(std::chrono::hours{24 * 6});  // a block of the coarsest tier has four days
  constexpr auto target = "/api/metrics/notes/brick/history?time_range=7d";
  EXPECT_GT(get(target)["data_points"].size(), 0U);
  ask_for(http::Method::delete_, "/api/metrics/cleanup?days=7");
  EXPECT_GT(get(target)["data_points"].size(), 0U) << "it is younger";
  ask_for(http::Method::delete_, "/api/metrics/cleanup?days=1");
  EXPECT_THROW(ask(target), Error);
}

TEST_F(MetricsStateTest, CleaningUpLeavesWhatIsYounger) {
  tell_of_notes(24);
  run(series_.write_log());
  while (run(series_.seal_some(true))) {
  }
  EXPECT_EQ(ask_for(http::Method::delete_, "/api/metrics/cleanup?days=1")["success"], true);
  EXPECT_GT(get("/api/metrics/notes/brick/history")["data_points"].size(), 0U);
}

}  // namespace
}  // namespace portoser::api
