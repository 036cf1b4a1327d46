#include "tests/unit/api/api_fixture.h"

#include <gmock/gmock.h>

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
