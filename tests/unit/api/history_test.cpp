#include "tests/unit/api/api_fixture.h"

#include <gmock/gmock.h>

namespace portoser::api {
namespace {

using testing::ElementsAre;

class HistoryAnswers : public ApiTest {
 protected:
  storage::DeploymentRecord record(int number) {
    storage::DeploymentRecord one;
    one.id = "deploy-" + std::to_string(number);
    one.job_id = "job-" + std::to_string(number);
    one.started_at = clock_.now() - std::chrono::hours{100 - number};
    one.finished_at = one.started_at + std::chrono::seconds{2};
    one.service = "notes";
    one.machine = "brick";
    one.action = "restart";
    one.status = "success";
    one.outcome = "succeeded";
    one.duration_ms = 2000;
    one.config_after = R"({"port":8090})";
    one.state_after = R"({"file":"/srv/notes/compose.yml"})";
    one.findings = R"([{"check":"disk","severity":"warning","reason":"DISK_LOW","subject":"/",
                        "message":"little is left","hint":""},
                       {"check":"images","severity":"info","reason":"","subject":"",
                        "message":"it is here","hint":""}])";
    return one;
  }
  void keep(const storage::DeploymentRecord& one) { run(store_.insert(one)); }
  std::vector<std::string> ids(const std::string& query) {
    std::vector<std::string> all;
    const auto answer = get("/api/history/deployments?" + query);
    for (const auto& row : answer["deployments"]) all.push_back(row["id"]);
    return all;
  }
  std::string refusal(const std::string& target) {
    try {
      ask(target);
    } catch (const Error& error) {
      return error.where();
    }
    return "it was answered";
  }

  storage::DeploymentStore store_{*database_};
};

TEST_F(HistoryAnswers, OfNothingAreEmptyAndZero) {
  const auto list = get("/api/history/deployments");
  EXPECT_EQ(list["total"], 0);
  EXPECT_EQ(list["deployments"], Json::array());
  const auto stats = get("/api/history/stats");
  EXPECT_EQ(stats["total"], 0);
  EXPECT_EQ(stats["success_rate"], 0);
  EXPECT_EQ(stats["avg_duration_ms"], 0);
  EXPECT_EQ(stats["by_service"], Json::object());
  EXPECT_EQ(get("/api/history/timeline")["timeline"], Json::object());
}

TEST_F(HistoryAnswers, ARowHasAllListsAndWhatThePreflightFound) {
  keep(record(1));
  const auto row = get("/api/history/deployments")["deployments"][0];
  EXPECT_EQ(row["config_snapshot"]["port"], 8090);
  EXPECT_EQ(row["phases"], Json::array());
  EXPECT_EQ(row["solutions_applied"], Json::array());
  ASSERT_EQ(row["problems"].size(), 1U);
  EXPECT_EQ(row["problems"][0]["fingerprint"], "DISK_LOW");
  ASSERT_EQ(row["observations"].size(), 1U);
  EXPECT_FALSE(row.contains("after")) << "lists go without the texts";
  const auto detail = get("/api/history/deployments/deploy-1");
  EXPECT_EQ(detail["after"]["file"], "/srv/notes/compose.yml");
  EXPECT_EQ(detail["before"], nullptr);
  EXPECT_EQ(detail["log_url"], "/api/jobs/job-1/log");
}

TEST_F(HistoryAnswers, ComposeTextsAreForAdmins) {
  auto one = record(1);
  one.state_after = R"({"file":"/srv/notes/compose.yml","text":"PASSWORD: secret"})";
  keep(one);
  EXPECT_TRUE(get("/api/history/deployments/deploy-1")["after"].contains("text"));
  const auto seen = request_of(http::Method::get,
                               "/api/history/deployments/deploy-1",
                               nullptr,
                               {},
                               {"vic", "Vic", {"viewer"}, {}});
  EXPECT_EQ(seen.text().find("secret"), std::string::npos);
  EXPECT_NE(seen.text().find("/srv/notes/compose.yml"), std::string::npos);
}

TEST_F(HistoryAnswers, AnImportedRecordShowsTheConfigurationThatItHas) {
  auto imported = record(1);
  imported.job_id.clear();
  imported.config_after = "null";
  imported.config_before = R"({"port":1})";
  keep(imported);
  EXPECT_EQ(get("/api/history/deployments")["deployments"][0]["config_snapshot"]["port"], 1);
  EXPECT_EQ(get("/api/history/deployments/deploy-1")["log_url"], nullptr);
}

TEST_F(HistoryAnswers, FiltersAndPagesAreTheStores) {
  for (int i = 1; i <= 5; ++i) keep(record(i));
  EXPECT_THAT(ids("limit=2&offset=1"), ElementsAre("deploy-4", "deploy-3"));
  EXPECT_EQ(get("/api/history/deployments?limit=2")["total"], 5);
  EXPECT_TRUE(ids("machine=pebble").empty());
  EXPECT_TRUE(ids("status=failure").empty());
  const auto day = to_rfc3339(record(3).started_at).substr(0, 10);
  EXPECT_THAT(ids("from_date=" + day + "&to_date=" + day), testing::Contains("deploy-3"));
}

TEST_F(HistoryAnswers, WhatIsNoFilterIsRefused) {
  EXPECT_EQ(refusal("/api/history/deployments?from_date=yesterday"), "query.from_date");
  EXPECT_EQ(refusal("/api/history/deployments?limit=0"), "query.limit");
  EXPECT_EQ(refusal("/api/history/stats?days=0"), "query.days");
  EXPECT_EQ(refusal("/api/history/deployments/deploy-9"), "path.id");
}

TEST_F(HistoryAnswers, StatisticsCountWhatFailedAndShowTheNewest) {
  keep(record(1));
  keep(record(2));
  auto failed = record(3);
  failed.status = "failure";
  failed.service = "pgmain";
  keep(failed);
  const auto stats = get("/api/history/stats");
  EXPECT_EQ(stats["total"], 3);
  EXPECT_EQ(stats["failure"], 1);
  EXPECT_DOUBLE_EQ(stats["success_rate"].get<double>(), 66.67);
  EXPECT_EQ(stats["by_service"]["pgmain"]["success_rate"], 0);
  ASSERT_EQ(stats["recent_failures"].size(), 1U);
  EXPECT_EQ(stats["recent_failures"][0]["id"], "deploy-3");
  EXPECT_EQ(get("/api/history/stats?service=notes")["total"], 2);
  EXPECT_EQ(get("/api/history/stats?days=1")["total"], 0);
  const auto timeline = get("/api/history/timeline");
  EXPECT_EQ(timeline["total"], 3);
}

}  // namespace
}  // namespace portoser::api
