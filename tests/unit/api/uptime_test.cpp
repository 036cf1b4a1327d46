#include "tests/unit/api/uptime_fixture.h"
#include "tests/unit/telemetry/played_host.h"

#include <gmock/gmock.h>

namespace portoser::api {
namespace {

using namespace std::chrono_literals;

TEST_F(UptimeTest, NothingKnownIsNotFound) {
  try {
    ask("/api/uptime/notes/brick");
    FAIL() << "answered";
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), "NO_HISTORY");
  }
  EXPECT_EQ(get("/api/uptime/notes/brick/events")["total"], 0);
}

TEST_F(UptimeTest, AServiceThatRanAllTheTimeHasOneEventThatSaysSo) {
  tell_of_notes(13);
  const auto answer = get("/api/uptime/notes/brick?timeRange=24h");
  EXPECT_EQ(answer["availability_percent"], 100.0);
  EXPECT_EQ(answer["current_status"], "up");
  EXPECT_NEAR(answer["observed_seconds"].get<double>(), 60, 2);
  EXPECT_EQ(answer["time_range"], "24h");
  ASSERT_EQ(answer["events"].size(), 1U);
  EXPECT_EQ(answer["events"][0]["event_type"], "start");
  EXPECT_EQ(answer["events"][0]["metadata"]["found"], "true");
}

TEST_F(UptimeTest, AnOutageIsCountedWithItsLength) {
  tell_of_notes(121);
  happens("failure", 300s);
  happens("recovery", 240s);
  const auto answer = get("/api/uptime/notes/brick?days=1");
  EXPECT_EQ(answer["failure_count"], 1);
  EXPECT_EQ(answer["recovery_count"], 1);
  // The clock runs on while the test stores its events.
  constexpr double some = 1.5;
  EXPECT_NEAR(answer["downtime_seconds"].get<double>(), 60, some);
  EXPECT_EQ(answer["downtime_duration"], answer["downtime_seconds"]);
  EXPECT_NEAR(answer["mttr"].get<double>(), 60, some) << "in seconds";
  const auto of_ui = get("/api/uptime/notes/brick?timeRange=24h");
  EXPECT_NEAR(of_ui["mttr"].get<double>(), 1, 0.05) << "in minutes";
  EXPECT_NEAR(answer["availability_percent"].get<double>(), 90, 0.5);
  EXPECT_EQ(answer["total_seconds"], 86'400);
  ASSERT_EQ(answer["events"].size(), 3U) << "how it was found, and what happened";
  const auto& recovery = answer["events"][2];
  EXPECT_NEAR(recovery["duration"].get<double>(), 60, some);
  EXPECT_EQ(recovery["details"], "exit 137 killed");
  EXPECT_EQ(recovery["metadata"]["exit_code"], "137");
  EXPECT_EQ(recovery["metadata"]["nested"], R"({"a":true})");
}

/// The stats follow an event at once, and one that comes late stands where it happened.
TEST_F(UptimeTest, WhatComesLateStandsWhereItHappened) {
  tell_of_notes(121);
  happens("recovery", 100s);
  get("/api/uptime/notes/brick?days=1");
  happens("failure", 200s);
  const auto answer = get("/api/uptime/notes/brick?days=1");
  EXPECT_NEAR(answer["downtime_seconds"].get<double>(), 100, 1.5);
  const auto page = get("/api/uptime/notes/brick/events?limit=1");
  EXPECT_EQ(page["events"][0]["event_type"], "recovery");
  EXPECT_EQ(page["hasMore"], true);
  EXPECT_EQ(page["total"], 2);
  EXPECT_EQ(get("/api/uptime/notes/brick/events?offset=1")["events"][0]["event_type"], "failure");
  EXPECT_EQ(get("/api/uptime/notes/brick/events?eventType=failure")["total"], 1);
  EXPECT_EQ(get("/api/uptime/notes/brick/events?eventType=nonsense")["total"], 2);
}

TEST_F(UptimeTest, ANoteIsListedAndCountsForNothing) {
  tell_of_notes(13);
  const auto note = post("/api/uptime/event",
                         {{"event_type", "failure"},
                          {"service", "notes"},
                          {"machine", "brick"},
                          {"details", "as I remember"},
                          {"metadata", {{"ticket", 12}}}});
  EXPECT_EQ(note["metadata"]["note"], "true");
  EXPECT_GT(note["id"], 0);
  const auto page = get("/api/uptime/notes/brick/events");
  ASSERT_EQ(page["total"], 1);
  EXPECT_EQ(page["events"][0]["metadata"]["ticket"], "12");
  const auto answer = get("/api/uptime/notes/brick");
  EXPECT_EQ(answer["failure_count"], 0);
  EXPECT_EQ(answer["current_status"], "up");
  EXPECT_THROW(post("/api/uptime/event",
                    {{"event_type", "explosion"}, {"service", "notes"}, {"machine", "brick"}}),
               Error);
  EXPECT_THROW(post("/api/uptime/event",
                    {{"event_type", "stop"}, {"service", "../../x"}, {"machine", "brick"}}),
               Error);
  EXPECT_EQ(get("/api/uptime/notes/brick/events")["total"], 1);
}

TEST_F(UptimeTest, ANoteIsBounded) {
  const auto refusal = [this](const Json& details, const Json& metadata) {
    try {
      post("/api/uptime/event",
           {{"event_type", "failure"},
            {"service", "notes"},
            {"machine", "brick"},
            {"details", details},
            {"metadata", metadata}});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::invalid);
      EXPECT_THAT(error.message(), testing::HasSubstr("4096"));
      return error.where();
    }
    return std::string{};
  };
  EXPECT_EQ(refusal(std::string(5120, 'x'), nullptr), "body.details");
  EXPECT_EQ(refusal("short", {{"more", std::string(5120, 'x')}}), "body.metadata");
  EXPECT_EQ(get("/api/uptime/notes/brick/events")["total"], 0);
  EXPECT_EQ(refusal(std::string(4096, 'x'), {{"more", std::string(4000, 'x')}}), "");
  EXPECT_EQ(get("/api/uptime/notes/brick/events")["total"], 1);
}

TEST_F(UptimeTest, ANoteDoesNotHideHowItStoodBefore) {
  tell_of_notes(121);
  happens("failure", 300s);
  post("/api/uptime/event", {{"event_type", "start"}, {"service", "notes"}, {"machine", "brick"}});
  clock_.set_by(2h);
  tell_of_notes(2);
  const auto answer = get("/api/uptime/notes/brick?timeRange=1h");
  ASSERT_GE(answer["events"].size(), 1U);
  EXPECT_EQ(answer["events"].front()["event_type"], "failure");
}

/// The UI paints an availability of null "Poor".
TEST_F(UptimeTest, AWindowInWhichNobodyWatchedIsNoDataAndALongerOneHasIt) {
  tell_of_notes(13);
  happens("failure", 30s);
  happens("recovery", 20s);
  clock_.set_by(25h);
  for (const auto* target :
       {"/api/uptime/notes/brick?timeRange=24h", "/api/uptime/notes/brick?days=1"}) {
    try {
      ask(target);
      ADD_FAILURE() << target << " was answered";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::not_found);
      EXPECT_EQ(error.reason(), "NO_HISTORY");
    }
  }
  const auto answer = get("/api/uptime/notes/brick?timeRange=7d");
  EXPECT_EQ(answer["current_status"], "unknown");
  EXPECT_TRUE(answer["availability_percent"].is_number());
  ASSERT_EQ(answer["events"].size(), 3U);
  EXPECT_EQ(answer["events"][0]["metadata"]["found"], "true");
  // What happened is shown, although nobody watched how long it lasted.
  happens("failure", 2h);
  EXPECT_EQ(get("/api/uptime/notes/brick?timeRange=24h")["failure_count"], 1);
}

TEST_F(UptimeTest, WhatWasFoundLastIsPaintedAlsoOfOldTimes) {
  tell_of_notes(13);
  clock_.set_by(24h);
  auto stopped = telemetry::full_sample(3600'000'000'000);
  stopped.number = 1000;
  stopped.services = {{"notes", false, false}};
  live_.on_sample("brick", clock_.now(), std::move(stopped));
  clock_.set_by(25h);
  const auto answer = get("/api/uptime/notes/brick?timeRange=7d");
  EXPECT_EQ(answer["current_status"], "unknown");
  ASSERT_EQ(answer["events"].size(), 2U);
  EXPECT_EQ(answer["events"][1]["event_type"], "stop");
}

/// Its agent was set up anew meanwhile, so that nobody told that it came back.
TEST_F(UptimeTest, AFailureThatIsOverWithoutAnEventIsNotPaintedForEver) {
  tell_of_notes(13);
  happens("failure", 10s);
  clock_.set_by(2h);
  tell_of_notes(13);
  const auto answer = get("/api/uptime/notes/brick?timeRange=24h");
  EXPECT_EQ(answer["current_status"], "up");
  EXPECT_EQ(answer["failure_count"], 1);
  EXPECT_TRUE(answer["mttr"].is_null()) << "nobody saw how long it took";
  ASSERT_EQ(answer["events"].size(), 3U);
  EXPECT_EQ(answer["events"][1]["event_type"], "failure");
  EXPECT_EQ(answer["events"][2]["event_type"], "start");
  EXPECT_EQ(answer["events"][2]["metadata"]["found"], "true");
  EXPECT_EQ(get("/api/uptime/summary")["services_down"], 0);
  clock_.set_by(24h + 2h);
  tell_of_notes(13);
  const auto later = get("/api/uptime/notes/brick?timeRange=1h");
  ASSERT_EQ(later["events"].size(), 1U) << "how it stood when the window began";
  EXPECT_EQ(later["events"][0]["event_type"], "start");
}

TEST_F(UptimeTest, CleaningUpLeavesWhatUptimeNeeds) {
  tell_of_notes(13);
  run(series_.write_log());
  while (run(series_.seal_some(true))) {
  }
  clock_.set_by(20 * 24h);
  run(series_.delete_before(clock_.now() - 24h));
  EXPECT_NEAR(get("/api/uptime/notes/brick?days=30")["observed_seconds"].get<double>(), 60, 2);
}

/// Nobody is to be called for what somebody stopped.
TEST_F(UptimeTest, APlannedStopIsCountedApartFromWhatFailed) {
  tell_of_notes(121);
  happens("stop", 60s);
  auto summary = get("/api/uptime/all?days=1");
  EXPECT_EQ(summary["services_down"], 0);
  EXPECT_EQ(summary["services_stopped"], 1);
  EXPECT_EQ(summary["services"][0]["current_status"], "down") << "the contract has three words";
  EXPECT_EQ(summary["services"][0]["current_planned"], true);
  happens("start", 40s);
  happens("failure", 20s);
  summary = get("/api/uptime/all?days=1");
  EXPECT_EQ(summary["services_down"], 1);
  EXPECT_EQ(summary["services_stopped"], 0);
  EXPECT_EQ(summary["services"][0]["current_planned"], false);
}

TEST_F(UptimeTest, TheSummaryAndTheTimelineSpeakOfTheSameServices) {
  tell_of_notes(121);
  happens("stop", 120s);
  happens("start", 60s);
  const auto summary = get("/api/uptime/all?days=1");
  EXPECT_EQ(summary["services_up"], 1);
  EXPECT_EQ(summary["overall_availability"], 100.0) << "a planned stop is no outage";
  const auto timeline = get("/api/uptime/timeline?days=1&services=notes");
  ASSERT_EQ(timeline["entries"].size(), 4U) << dump(timeline["entries"]);
  EXPECT_EQ(timeline["entries"][0]["status"], "unknown");
  EXPECT_EQ(timeline["entries"][1]["status"], "up");
  EXPECT_EQ(timeline["entries"][2]["planned"], true);
  EXPECT_NEAR(timeline["entries"][2]["duration_seconds"].get<double>(), 60, 1.5);
  EXPECT_EQ(timeline["entries"][2]["event_type"], "stop");
  EXPECT_EQ(timeline["entries"][3]["event_type"], "start");
  EXPECT_EQ(timeline["summary"]["total_services"], 1);
  EXPECT_EQ(post("/api/uptime/timeline", {{"days", 1}})["entries"].size(), 4U);
  EXPECT_THROW(post("/api/uptime/timeline", {{"days", 91}}), Error);
}

}  // namespace
}  // namespace portoser::api
