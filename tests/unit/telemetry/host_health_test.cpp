#include "controller/telemetry/host_health.h"

#include "tests/unit/telemetry/played_host.h"

#include <gtest/gtest.h>

namespace portoser::telemetry {
namespace {

using namespace std::chrono_literals;

class HostHealthTest : public testing::Test {
 protected:
  HostHealthTest() { become(fleet::Liveness::online); }
  void become(fleet::Liveness liveness) {
    live_.on_liveness("brick", fleet::Liveness::unknown, liveness, noon);
  }
  void measure(Time when) { live_.on_sample("brick", when, full_sample(1)); }
  void fail(Time when) {
    auto sample = full_sample(1);
    sample.memory.reset();
    live_.on_sample("brick", when, std::move(sample));
  }
  [[nodiscard]] HostHealth health(Time now,
                                  std::optional<std::chrono::microseconds> round_trip = {}) const {
    return health_of(live_.host("brick").get(), live_.heartbeats()["brick"], round_trip, 5s, now);
  }
  Live live_;
};

TEST_F(HostHealthTest, OfAHostThatNobodyHeardIsUnknown) {
  const auto health = health_of(nullptr, {}, std::nullopt, 5s, noon);
  EXPECT_EQ(health.status, "unknown");
  EXPECT_EQ(health.consecutive_failures, 0);
  EXPECT_EQ(health.last_failure, std::nullopt);
}

TEST_F(HostHealthTest, FailuresInARowAreCountedUntilASuccess) {
  measure(noon);
  EXPECT_EQ(health(noon).status, "healthy");
  EXPECT_EQ(health(noon).last_success, noon);
  fail(noon + 5s);
  fail(noon + 10s);
  const auto failing = health(noon + 10s);
  EXPECT_EQ(failing.status, "degraded");
  EXPECT_EQ(failing.consecutive_failures, 2);
  EXPECT_EQ(failing.last_success, noon) << "it is kept while samples fail";
  EXPECT_EQ(failing.last_failure, noon + 10s);
  EXPECT_FALSE(failing.error.empty());
  measure(noon + 15s);
  const auto well = health(noon + 15s);
  EXPECT_EQ(well.status, "healthy");
  EXPECT_EQ(well.consecutive_failures, 0);
  EXPECT_EQ(well.last_failure, noon + 10s) << "it is kept while samples come";
  EXPECT_TRUE(well.error.empty());
}

TEST_F(HostHealthTest, FiveInARowAreUnhealthy) {
  for (int i = 1; i <= 4; ++i) fail(noon + i * 5s);
  EXPECT_EQ(health(noon + 20s).status, "degraded");
  fail(noon + 25s);
  EXPECT_EQ(health(noon + 25s).status, "unhealthy");
}

TEST_F(HostHealthTest, SamplesThatWereDueAndDidNotComeAreFailures) {
  measure(noon);
  EXPECT_EQ(health(noon + 14s).consecutive_failures, 0) << "it is not stale yet";
  become(fleet::Liveness::stale);
  const auto stale = health(noon + 17s);
  EXPECT_EQ(stale.status, "degraded");
  EXPECT_EQ(stale.consecutive_failures, 3);
  EXPECT_EQ(stale.last_success, noon);
  EXPECT_EQ(stale.last_failure, noon + 15s);
  EXPECT_EQ(health(noon + 26s).status, "unhealthy");
  become(fleet::Liveness::offline);
  const auto gone = health(noon + 1s);
  EXPECT_EQ(gone.status, "unhealthy") << "it said goodbye";
  EXPECT_EQ(gone.consecutive_failures, 1);
  EXPECT_EQ(gone.last_failure, noon + 1s);
}

TEST_F(HostHealthTest, AnAnswerOfASecondIsSlow) {
  measure(noon);
  EXPECT_EQ(health(noon, 1000ms).status, "healthy");
  const auto slow = health(noon, 1001ms);
  EXPECT_EQ(slow.status, "degraded");
  EXPECT_EQ(slow.round_trip_ms, 1001.0);
  EXPECT_EQ(health(noon).round_trip_ms, std::nullopt);
  become(fleet::Liveness::offline);
  EXPECT_EQ(health(noon, 1ms).round_trip_ms, std::nullopt) << "nothing goes there and back";
}

TEST_F(HostHealthTest, AStepOfTheControllersClockMovesItsTimes) {
  fail(noon);
  measure(noon + 5s);
  live_.on_clock_set(-1h);
  EXPECT_EQ(health(noon - 1h + 5s).last_success, noon - 1h + 5s);
  EXPECT_EQ(health(noon - 1h + 5s).last_failure, noon - 1h);
}

}  // namespace
}  // namespace portoser::telemetry
