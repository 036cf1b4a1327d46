#include "controller/storage/age_guard.h"

#include "tests/unit/storage/storage_test.h"

#include <optional>

namespace portoser::storage {
namespace {

using namespace std::chrono_literals;

class AgeGuardTest : public StorageTest {
 protected:
  AgeGuardTest() {
    open();
    start_guard();
  }
  /// As a controller that starts.
  void start_guard() { guard_.emplace(*database_, clock_); }
  bool is_sure() { return run(guard_->is_clock_sure()); }

  std::optional<AgeGuard> guard_;
};

TEST_F(AgeGuardTest, AClockThatGoesAsTimePassesIsBelieved) {
  EXPECT_TRUE(is_sure());
  for (int hour = 0; hour < 100; ++hour) {
    clock_.advance(1h);
    EXPECT_TRUE(is_sure());
  }
  clock_.advance(30 * 24h);
  EXPECT_TRUE(is_sure()) << "nobody asked for a month, and the machine ran";
}

TEST_F(AgeGuardTest, ASmallStepIsBelieved) {
  EXPECT_TRUE(is_sure());
  clock_.set_wall(clock_.now() + 59min);
  EXPECT_TRUE(is_sure());
}

TEST_F(AgeGuardTest, AfterAJumpAQuarterOfItIsWaitedFor) {
  EXPECT_TRUE(is_sure());
  clock_.set_wall(clock_.now() + 8h);
  EXPECT_FALSE(is_sure());
  clock_.advance(119min);
  EXPECT_FALSE(is_sure());
  clock_.advance(1min);
  EXPECT_TRUE(is_sure());
  clock_.advance(10min);
  EXPECT_TRUE(is_sure());
}

TEST_F(AgeGuardTest, AfterAJumpOfYearsADayIsWaitedFor) {
  EXPECT_TRUE(is_sure());
  clock_.set_wall(clock_.now() + 10 * 365 * 24h);
  EXPECT_FALSE(is_sure());
  clock_.advance(24h - 1min);
  EXPECT_FALSE(is_sure());
  clock_.advance(1min);
  EXPECT_TRUE(is_sure());
}

TEST_F(AgeGuardTest, AJumpThatIsTakenBackIsForgotten) {
  EXPECT_TRUE(is_sure());
  const auto right = clock_.now();
  clock_.set_wall(right + 300 * 24h);
  EXPECT_FALSE(is_sure());
  clock_.set_wall(right);
  EXPECT_TRUE(is_sure());
}

/// It makes nothing look old, and whoever sets it right again makes no jump.
TEST_F(AgeGuardTest, AClockThatIsBehindIsBelievedAndMovesTheMarkOnlyWhenItStaysSo) {
  EXPECT_TRUE(is_sure());
  const auto right = clock_.now();
  clock_.set_wall(right - 300 * 24h);
  start_guard();
  EXPECT_TRUE(is_sure());
  clock_.advance(10min);
  EXPECT_TRUE(is_sure());
  clock_.set_wall(right + 11min);
  EXPECT_TRUE(is_sure()) << "as of a machine without a battery that has heard of the time";
  clock_.set_wall(right - 300 * 24h);
  EXPECT_TRUE(is_sure());
  clock_.advance(61min);
  EXPECT_TRUE(is_sure());
  clock_.set_wall(right + 2h);
  EXPECT_FALSE(is_sure()) << "an hour later it was the time";
}

TEST_F(AgeGuardTest, AStartWithTheClockAheadIsSeenByTheMark) {
  EXPECT_TRUE(is_sure());
  const auto right = clock_.now();
  clock_.set_wall(right + 3650 * 24h);
  for (int start = 0; start < 2; ++start) {
    start_guard();
    EXPECT_FALSE(is_sure()) << "start " << start;
    clock_.advance(11h);
    EXPECT_FALSE(is_sure()) << "start " << start;
  }
  clock_.set_wall(right + 22h);
  start_guard();
  EXPECT_TRUE(is_sure());
}

/// It is off for longer than it runs, and must delete what is old all the same.
TEST_F(AgeGuardTest, WhatWasWaitedForCountsInTheNextRun) {
  EXPECT_TRUE(is_sure());
  int days_without = 0;
  for (int day = 0; day < 30; ++day) {
    clock_.reboot(day % 7 == 0 ? 63h : 15h);
    start_guard();
    bool was_sure = is_sure();
    for (int hour = 0; hour < 9; ++hour) {
      clock_.advance(1h);
      was_sure |= is_sure();
    }
    days_without = was_sure ? 0 : days_without + 1;
    ASSERT_LT(days_without, 3) << "day " << day;
  }
}

}  // namespace
}  // namespace portoser::storage
