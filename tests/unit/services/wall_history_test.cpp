#include "agent/services/wall_history.h"

#include <gtest/gtest.h>

namespace portoser::agent::services {
namespace {

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t minute = 60 * second;
constexpr std::int64_t hour = 60 * minute;
constexpr std::int64_t noon = 1'772'625'600 * second;

/// The host booted two hours before noon; the clock is read at noon and ten minutes later, when it
/// has been set.
WallHistory set_by(std::int64_t step) {
  WallHistory history;
  history.observe(noon, 2 * hour);
  history.observe(noon + 10 * minute + step, 2 * hour + 10 * minute);
  return history;
}

TEST(WallHistoryTest, WithoutAStepADateIsAsOldAsTheClockSays) {
  const auto history = set_by(0);
  EXPECT_EQ(history.pieces().size(), 1U);
  EXPECT_EQ(history.uptime_at(noon - 30 * minute), 90 * minute);
  EXPECT_EQ(history.uptime_at(noon - 3 * hour), 0) << "before this boot";
  EXPECT_EQ(history.uptime_at(noon + hour), 130 * minute) << "not later than the last observation";
  EXPECT_EQ(history.set_back_us(), 0);
}

TEST(WallHistoryTest, AfterAStepForwardOldDatesAreAsOldAsTheyWere) {
  const auto history = set_by(hour);
  EXPECT_EQ(history.uptime_at(noon - minute), 119 * minute);
  EXPECT_EQ(history.uptime_at(noon + 2 * minute), 122 * minute) << "unseen, before the step";
  EXPECT_EQ(history.uptime_at(noon + hour + 9 * minute), 129 * minute) << "unseen, after the step";
  EXPECT_EQ(history.set_back_us(), 0);
  EXPECT_EQ(history.latest_us(), noon + hour + 10 * minute);
}

TEST(WallHistoryTest, AfterAStepBackDatesFromBeforeItAreNotTheFuture) {
  const auto history = set_by(-hour);
  EXPECT_EQ(history.uptime_at(noon + 2 * minute), 122 * minute) << "unseen, before the step";
  EXPECT_EQ(history.uptime_at(noon - hour + 9 * minute), 129 * minute) << "unseen, after the step";
  EXPECT_EQ(history.set_back_us(), hour);
  EXPECT_EQ(history.latest_us(), noon + 10 * minute) << "it may have gone until then";
}

TEST(WallHistoryTest, AfterAStepBackTheLaterDateIsStillTheLaterOne) {
  const auto history = set_by(-hour);
  EXPECT_TRUE(history.is_before(noon + minute, noon - hour + 9 * minute));
  EXPECT_FALSE(history.is_before(noon - hour + 9 * minute, noon + minute));
  EXPECT_TRUE(history.is_before(noon - 4 * hour, noon - 3 * hour)) << "both before this boot";
}

TEST(WallHistoryTest, SteadyDatesLieAsFarApartAsWhatTheyDate) {
  for (const auto step : {hour, -hour}) {
    const auto history = set_by(step);
    const auto before = history.steady_us(noon + minute);
    const auto after = history.steady_us(noon + 9 * minute + step);
    EXPECT_EQ(after - before, 8 * minute);
    EXPECT_EQ(before, noon + minute) << "the first setting of the clock counts";
    EXPECT_EQ(history.steady_us(noon - 20 * hour), noon - 20 * hour) << "before this boot";
  }
}

TEST(WallHistoryTest, SeveralStepsAddUp) {
  auto history = set_by(-hour);
  history.observe(noon - 40 * minute, 2 * hour + 20 * minute);
  history.observe(noon - 90 * minute, 2 * hour + 30 * minute);
  EXPECT_EQ(history.pieces().size(), 3U);
  EXPECT_EQ(history.set_back_us(), 2 * hour);
  EXPECT_EQ(history.uptime_at(noon - 91 * minute), 149 * minute);
}

TEST(WallHistoryTest, AClockThatIsLedBackMakesNoSteps) {
  WallHistory history;
  for (int i = 0; i < 1000; ++i) history.observe(noon + i * (5 * second - 2500), i * 5 * second);
  EXPECT_EQ(history.pieces().size(), 1U);
}

TEST(WallHistoryTest, StaysBoundedWhenTheClockIsSetAllTheTime) {
  WallHistory history;
  for (int i = 0; i < 1000; ++i) history.observe(noon + (i % 2) * hour, i * second);
  EXPECT_LE(history.pieces().size(), 32U);
  EXPECT_EQ(history.uptime_at(noon + hour), 999 * second);
}

}  // namespace
}  // namespace portoser::agent::services
