// What /api/uptime says of all services, where they are and where they were.

#include "common/file.h"
#include "tests/unit/api/uptime_fixture.h"
#include "tests/unit/telemetry/played_host.h"

#include <gmock/gmock.h>

namespace portoser::api {
namespace {

using testing::ElementsAre;

/// "notes" ran on "brick" for ten minutes, was down for one of them and was moved to "chalk", where
/// it runs since then.
class UptimePlaces : public UptimeTest {
 protected:
  UptimePlaces() {
    tell_of_notes(121);
    happens("failure", 300s);
    happens("recovery", 240s);
    place_notes_on("chalk");
    clock_.set_by(1h);
    tell_of_chalk(121);
  }
  void place_notes_on(const std::string& host) {
    write_file_atomic(folder_ / "registry.yml",
                      "hosts:\n  brick: {ip: 127.0.0.1}\n  chalk: {ip: 127.0.0.2}\nservices:\n"
                      "  notes: {current_host: " +
                          host + ", docker_compose: /srv/notes/compose.yml}\n");
    run(registry_->reload());
  }
  void tell_of_chalk(int samples) {
    for (int i = 0; i < samples; ++i) {
      clock_.set_by(5s);
      auto sample = telemetry::full_sample(5'000'000'000 * ++number_);
      sample.when.boot_id = "boot of chalk";
      sample.number = number_;
      sample.services = {{"notes", true}};
      live_.on_sample("chalk", clock_.now(), std::move(sample));
    }
  }
  static std::vector<std::string> places_in(const Json& rows) {
    std::vector<std::string> places;
    for (const auto& row : rows) {
      auto place = row["service"].get<std::string>() + "@" + row["machine"].get<std::string>();
      if (places.empty() || places.back() != place) places.push_back(std::move(place));
    }
    return places;
  }

 private:
  std::int64_t number_ = 0;
};

TEST_F(UptimePlaces, WhereItWasIsARowOfItsOwn) {
  const auto all = get("/api/uptime/all?days=1");
  ASSERT_THAT(places_in(all["services"]), ElementsAre("notes@chalk", "notes@brick"));
  EXPECT_EQ(all["services"][0]["former"], false);
  const auto& brick = all["services"][1];
  EXPECT_EQ(brick["former"], true);
  EXPECT_NEAR(brick["observed_seconds"].get<double>(), 600, 2);
  EXPECT_NEAR(brick["downtime_seconds"].get<double>(), 60, 1.5);
  EXPECT_EQ(brick["failure_count"], 1);
  EXPECT_EQ(brick["current_status"], "unknown");
  EXPECT_EQ(places_in(get("/api/uptime/summary")["services"]).size(), 2U);
}

TEST_F(UptimePlaces, OnlyWhereServicesAreIsCountedAsUpOrDown) {
  const auto all = get("/api/uptime/all?days=1");
  EXPECT_EQ(all["total_services"], 1);
  EXPECT_EQ(all["services_up"], 1);
  EXPECT_EQ(all["services_down"], 0);
  EXPECT_EQ(all["services_stopped"], 0);
  EXPECT_EQ(all["services_unknown"], 0);
  // Of twenty minutes one.
  EXPECT_NEAR(all["overall_availability"].get<double>(), 95, 0.2);
}

TEST_F(UptimePlaces, TheTimelineHasItsTimeOnBothHosts) {
  const auto timeline = get("/api/uptime/timeline?days=1");
  EXPECT_EQ(timeline["services"], Json::array({"notes"}));
  EXPECT_EQ(timeline["machines"], Json::array({"brick", "chalk"}));
  EXPECT_EQ(timeline["summary"]["total_services"], 1);
  ASSERT_THAT(places_in(timeline["entries"]), ElementsAre("notes@chalk", "notes@brick"));
  std::vector<std::string> of_brick;
  for (const auto& entry : timeline["entries"]) {
    EXPECT_EQ(entry["former"], entry["machine"] == "brick");
    if (entry["machine"] == "brick") of_brick.push_back(entry["status"]);
  }
  EXPECT_THAT(of_brick, ElementsAre("unknown", "up", "down", "up", "unknown"));
}

TEST_F(UptimePlaces, TheTimelineOfAHostHasWhatWasThere) {
  for (const auto& [query, places] : std::map<std::string, std::vector<std::string>>{
           {"machines=brick", {"notes@brick"}},
           {"machines=chalk", {"notes@chalk"}},
           {"services=notes", {"notes@chalk", "notes@brick"}},
           {"services=,notes ,", {"notes@chalk", "notes@brick"}},
           {"services=&machines=", {"notes@chalk", "notes@brick"}}}) {
    const auto timeline = get("/api/uptime/timeline?days=1&" + query);
    EXPECT_EQ(places_in(timeline["entries"]), places) << query;
  }
  EXPECT_EQ(post("/api/uptime/timeline", {{"days", 1}, {"machines", {"brick"}}})["machines"],
            Json::array({"brick"}));
}

TEST_F(UptimePlaces, ATimelineOfWhatNobodyKnowsIsRefused) {
  const auto refused = [this](const auto& ask_for) {
    try {
      ask_for();
    } catch (const Error& error) {
      return error.reason() + " " + error.where();
    }
    return std::string{"answered"};
  };
  for (const auto& [query, refusal] : std::map<std::string, std::string>{
           {"services=other", "SERVICE_UNKNOWN query.services"},
           {"services=notes,other", "SERVICE_UNKNOWN query.services"},
           {"machines=elsewhere", "MACHINE_UNKNOWN query.machines"},
           {"services=x'%3B%20id%3B%20'", "SERVICE_UNKNOWN query.services"},
           {"services=,", "INVALID query.services"},
           {"machines=%20", "INVALID query.machines"}}) {
    EXPECT_EQ(refused([&] { ask("/api/uptime/timeline?" + query); }), refusal) << query;
  }
  for (const auto& [body, refusal] : std::map<std::string, std::string>{
           {R"({"services":["other"]})", "SERVICE_UNKNOWN body.services"},
           {R"({"services":[""]})", "SERVICE_UNKNOWN body.services"},
           {R"({"machines":["elsewhere"]})", "MACHINE_UNKNOWN body.machines"},
           {R"({"days":91})", "INVALID body.days"}}) {
    EXPECT_EQ(refused([&] { post("/api/uptime/timeline", Json::parse(body)); }), refusal) << body;
  }
}

/// It is known of it what was there.
TEST_F(UptimePlaces, ATimelineMayNameAHostThatHasLeftTheRegistry) {
  write_file_atomic(folder_ / "registry.yml",
                    "hosts:\n  chalk: {ip: 127.0.0.2}\nservices:\n"
                    "  notes: {current_host: chalk, docker_compose: /srv/notes/compose.yml}\n");
  run(registry_->reload());
  EXPECT_THAT(places_in(get("/api/uptime/timeline?days=1&machines=brick")["entries"]),
              ElementsAre("notes@brick"));
}

TEST_F(UptimePlaces, WhereItWasBeforeTheWindowIsNoRow) {
  clock_.set_by(26h);
  tell_of_chalk(2);
  EXPECT_THAT(places_in(get("/api/uptime/all?days=1")["services"]), ElementsAre("notes@chalk"));
  EXPECT_THAT(places_in(get("/api/uptime/all?days=2")["services"]),
              ElementsAre("notes@chalk", "notes@brick"));
}

TEST_F(UptimePlaces, TheAnswerForAHostThatItLeftSaysSo) {
  for (const auto* target : {"/api/uptime/notes/brick", "/api/uptime/notes/chalk"}) {
    const bool former = std::string_view{target}.ends_with("brick");
    EXPECT_EQ(get(target)["former"], former) << target;
    EXPECT_EQ(get(std::string{target} + "/history")["stats"]["former"], former) << target;
  }
}

TEST_F(UptimePlaces, AServiceThatCameBackHasOneRowAHost) {
  place_notes_on("brick");
  tell_of_notes(2);
  const auto all = get("/api/uptime/all?days=1");
  ASSERT_THAT(places_in(all["services"]), ElementsAre("notes@brick", "notes@chalk"));
  EXPECT_EQ(all["services"][0]["former"], false);
  EXPECT_EQ(all["services"][1]["former"], true);
}

TEST_F(UptimePlaces, WhatNoRegistryNamesIsNoRow) {
  auto sample = telemetry::full_sample(1);
  sample.when.boot_id = "another";
  sample.services = {{"invented", true}};
  live_.on_sample("chalk", clock_.now(), std::move(sample));
  EXPECT_EQ(get("/api/uptime/all?days=1")["services"].size(), 2U);
}

}  // namespace
}  // namespace portoser::api
