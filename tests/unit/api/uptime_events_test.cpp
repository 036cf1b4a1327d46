// Which events the answers of /api/uptime hold, when there are more of them than an answer takes.

#include "tests/unit/api/uptime_fixture.h"

namespace portoser::api {
namespace {

class UptimeEvents : public UptimeTest {
 protected:
  Json note(const std::string& type) {
    return post("/api/uptime/event",
                {{"event_type", type}, {"service", "notes"}, {"machine", "brick"}});
  }
};

TEST_F(UptimeEvents, AnOldOneOfARareTypeIsFoundBehindAThousandOthers) {
  happens("failure", 3h);
  happens_often("restart", 1001);
  for (const auto* name : {"event_type", "eventType"}) {
    const auto answer = get(std::string{"/api/uptime/notes/brick/history?"} + name + "=failure");
    ASSERT_EQ(answer["events"].size(), 1U) << name;
    EXPECT_EQ(answer["events"][0]["event_type"], "failure");
    EXPECT_EQ(answer["total_events"], 1);
    EXPECT_EQ(answer["truncated"], false);
  }
}

TEST_F(UptimeEvents, AnAnswerThatWasCutSaysSo) {
  happens("failure", 3h);
  happens_often("restart", 1000);
  const auto cut = get("/api/uptime/notes/brick/history");
  EXPECT_EQ(cut["events"].size(), 1000U);
  EXPECT_EQ(cut["events"][0]["event_type"], "restart") << "the newest are there";
  EXPECT_EQ(cut["total_events"], 1001);
  EXPECT_EQ(cut["truncated"], true);
  const auto whole = get("/api/uptime/notes/brick/history?event_type=restart");
  EXPECT_EQ(whole["events"].size(), 1000U);
  EXPECT_EQ(whole["truncated"], false);
}

TEST_F(UptimeEvents, NotesAreInTheHistoryAndNotInTheTimelineOfTheUi) {
  tell_of_notes(13);
  happens("failure", 30s);
  note("deployment");
  note("recovery");
  const auto deployments = get("/api/uptime/notes/brick/history?event_type=deployment");
  ASSERT_EQ(deployments["events"].size(), 1U);
  EXPECT_EQ(deployments["events"][0]["metadata"]["note"], "true");
  const auto history = get("/api/uptime/notes/brick/history");
  EXPECT_EQ(history["events"].size(), 3U);
  EXPECT_EQ(history["stats"]["current_status"], "down") << "notes count for nothing";
  const auto timeline = get("/api/uptime/notes/brick");
  EXPECT_EQ(timeline["events"].back()["event_type"], "failure") << dump(timeline["events"]);
  EXPECT_EQ(timeline["total_events"], 1);
}

/// The UI paints from one event to the next, and "up" before the first.
TEST_F(UptimeEvents, TheEventBeforeTheWindowSaysHowItBegan) {
  tell_of_notes(13);
  happens("failure", 26h);
  happens_often("restart", 1001);
  const auto cut = get("/api/uptime/notes/brick?timeRange=24h");
  EXPECT_EQ(cut["truncated"], true);
  EXPECT_EQ(cut["total_events"], 1001);
  ASSERT_EQ(cut["events"].size(), 1001U);
  EXPECT_EQ(cut["events"][0]["event_type"], "failure") << "also where some are left out behind it";
  EXPECT_EQ(cut["events"][1]["event_type"], "restart");
  clock_.set_by(30h);
  happens("recovery", 1h);
  const auto whole = get("/api/uptime/notes/brick?timeRange=24h");
  EXPECT_EQ(whole["truncated"], false);
  ASSERT_EQ(whole["events"].size(), 2U) << "the one before the window says how it began";
  EXPECT_EQ(whole["events"][0]["event_type"], "restart");
}

/// A day of which it was down for one hour, and then a thousand short outages.
TEST_F(UptimeEvents, OfVeryManyThoseStayThatThePictureNeeds) {
  happens("failure", 20h);
  happens("recovery", 19h);
  for (int i = 0; i < 600; ++i) {
    happens("failure", 3h - i * 10s);
    happens("recovery", 3h - i * 10s - 1s);
  }
  const auto cut = get("/api/uptime/notes/brick?timeRange=24h");
  EXPECT_EQ(cut["truncated"], true);
  EXPECT_EQ(cut["total_events"], 1202);
  const auto& events = cut["events"];
  ASSERT_LE(events.size(), 1000U);
  EXPECT_GE(events.size(), 999U);
  EXPECT_EQ(events[0]["event_type"], "failure");
  EXPECT_EQ(events[1]["event_type"], "recovery");
  const auto at = [&](std::size_t i) {
    return *time_from_rfc3339(events[i]["timestamp"].get<std::string>());
  };
  EXPECT_EQ(std::chrono::round<std::chrono::seconds>(at(1) - at(0)), 1h)
      << "the long outage is whole";
  EXPECT_TRUE(events[1]["duration"].is_null()) << "nobody watched it";
  for (std::size_t i = 1; i < events.size(); ++i) {
    ASSERT_LE(events[i - 1]["timestamp"].get<std::string>(),
              events[i]["timestamp"].get<std::string>());
  }
  EXPECT_EQ(events.back()["event_type"], "recovery");
}

TEST_F(UptimeEvents, EveryQuestionIsAskedInBothSpellings) {
  tell_of_notes(13);
  happens("failure", 30s);
  for (const auto* target :
       {"/api/uptime/notes/brick?timeRange=6h", "/api/uptime/notes/brick?time_range=6h"}) {
    EXPECT_EQ(get(target)["time_range"], "6h") << target;
  }
  for (const auto* target : {"/api/uptime/notes/brick/events?eventType=recovery",
                             "/api/uptime/notes/brick/events?event_type=recovery"}) {
    EXPECT_EQ(get(target)["total"], 0) << target;
  }
  for (const auto* target : {"/api/metrics/notes/brick?timeRange=6h",
                             "/api/metrics/notes/brick?time_range=6h",
                             "/api/metrics/notes/brick/history?timeRange=6h",
                             "/api/metrics/notes/brick/history?time_range=6h",
                             "/api/metrics/machine/brick/history?timeRange=6h",
                             "/api/metrics/machine/brick/history?time_range=6h"}) {
    EXPECT_EQ(get(target)["time_range"], "6h") << target;
  }
}

}  // namespace
}  // namespace portoser::api
