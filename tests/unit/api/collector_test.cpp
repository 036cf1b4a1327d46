#include "tests/support/exposition_parser.h"
#include "tests/unit/api/api_fixture.h"

namespace portoser::api {
namespace {

using namespace std::chrono_literals;

class CollectorTest : public ApiTest {
 protected:
  Json set(const std::string& query) {
    return send(http::Method::post, "/api/metrics/collector/interval" + query);
  }
  Json status() { return get("/api/metrics/collector/status"); }
};

TEST_F(CollectorTest, AChosenIntervalIsToldToAgentsAndOutlivesARestart) {
  auto device = welcomed();
  const auto answer = set("?interval=60");
  EXPECT_EQ(answer["success"], true);
  EXPECT_EQ(answer["interval"], 60);
  EXPECT_EQ(answer["message"], "Collection interval updated to 60 seconds");
  EXPECT_EQ(await<protocol::Welcome>(device).sample_interval_ms, 60'000);
  EXPECT_EQ(status()["interval"], 60.0);
  EXPECT_EQ(status()["task_timeout"], 180.0);
  EXPECT_EQ(live_.host("brick")->fresh_for, 180s) << "no host is stale that measures as it should";
  EXPECT_EQ(series_.join_ms(), 180'000);

  telemetry::Collection restarted{
      *database_, *fleet_, live_, series_, remote_write_, clock_, telemetry::CollectionSettings{}};
  EXPECT_EQ(restarted.interval(), 5s);
  run(restarted.start());
  EXPECT_EQ(restarted.interval(), 60s);
}

/// The contract has whole seconds, and the setting has milliseconds.
TEST_F(CollectorTest, AnIntervalIsToldInWholeSecondsAndNeverTooShort) {
  const auto told = [this](std::chrono::milliseconds interval) {
    telemetry::CollectionSettings settings;
    settings.interval = interval;
    const telemetry::Collection collection{
        *database_, *fleet_, live_, series_, remote_write_, clock_, settings};
    return std::pair{collection.whole_seconds(), collection.whole_seconds(3)};
  };
  EXPECT_EQ(told(5s), (std::pair<std::int64_t, std::int64_t>{5, 15}));
  EXPECT_EQ(told(1500ms), (std::pair<std::int64_t, std::int64_t>{2, 5}));
  EXPECT_EQ(told(200ms), (std::pair<std::int64_t, std::int64_t>{1, 1}));
  for (const auto* field : {"interval", "task_timeout", "max_concurrent"}) {
    EXPECT_TRUE(status()[field].is_number_integer()) << field;
  }
  const auto health = get("/api/metrics/health");
  EXPECT_TRUE(health["collection_interval_seconds"].is_number_integer());
  EXPECT_TRUE(health["cache"]["ttl_seconds"].is_number_integer());
}

/// The alert on hosts that send nothing new waits for as long as the interval says.
TEST_F(CollectorTest, TheIntervalIsOnThePrometheusPage) {
  const auto on_page = [this] {
    const auto page = test::parse_exposition(ask("/metrics").text(), test::ExpositionFormat::text);
    return test::value_of(page, "portoser_sample_interval_seconds", {});
  };
  EXPECT_EQ(on_page(), 5);
  set("?interval=300");
  EXPECT_EQ(on_page(), 300);
}

TEST_F(CollectorTest, WhatIsNoIntervalChangesNothing) {
  for (const auto* query : {"", "?interval=0", "?interval=301", "?interval=-5", "?interval=5s"}) {
    try {
      set(query);
      ADD_FAILURE() << query << " was taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::invalid) << query;
      EXPECT_EQ(error.where(), "query.interval") << query;
    }
  }
  EXPECT_EQ(status()["interval"], 5.0);
  storage::ChoiceStore choices{*database_};
  EXPECT_EQ(run(choices.find("collection.intervals")), std::nullopt);
}

/// A silence counts by the interval of its own time.
TEST_F(CollectorTest, ANewIntervalChangesNoUptimeOfThePast) {
  const auto watched = [&] { return run(series_.watches("brick", "notes", Time::min())); };
  tell_of_notes(3);
  clock_.set_by(10min);  // ten minutes of silence
  tell_of_notes(3);
  const auto before = watched();
  ASSERT_GE(before.size(), 2U);
  set("?interval=300");
  EXPECT_EQ(watched(), before);
  set("?interval=1");
  EXPECT_EQ(watched(), before);
}

TEST_F(CollectorTest, ADamagedChoiceIsLeftAlone) {
  storage::ChoiceStore choices{*database_};
  for (const auto* value :
       {"0", "soon", "1:301", "1:0", "", "5", "1:", ":5", "1:5x", "1:99999999999999999999"}) {
    run(choices.keep("collection.intervals", value));
    run(collection_->start());
    EXPECT_EQ(collection_->interval(), 5s) << value;
  }
}

}  // namespace
}  // namespace portoser::api
