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

TEST_F(AgeGuardTest, AClockThatIsSetBackIsBelieved) {
  EXPECT_TRUE(is_sure());
  clock_.set_wall(clock_.now() - 300 * 24h);
  EXPECT_TRUE(is_sure());
}

TEST_F(AgeGuardTest, AStartWithTheClockAheadIsSeenByTheMark) {
  EXPECT_TRUE(is_sure());
  const auto right = clock_.now();
  clock_.set_wall(right + 3650 * 24h);
  for (int start = 0; start < 3; ++start) {
    start_guard();
    EXPECT_FALSE(is_sure()) << "start " << start;
    clock_.advance(20h);
    EXPECT_FALSE(is_sure()) << "start " << start;
  }
  clock_.set_wall(right + 60h);
  EXPECT_TRUE(is_sure());
}

/// It is off at night, and must delete what is old all the same.
TEST_F(AgeGuardTest, AMachineThatIsOffAtNightIsBelievedEachDay) {
  EXPECT_TRUE(is_sure());
  for (int day = 0; day < 5; ++day) {
    clock_.reboot(10h);
    start_guard();
    EXPECT_FALSE(is_sure());
    clock_.advance(14h);
    EXPECT_TRUE(is_sure());
  }
}

}  // namespace
}  // namespace portoser::storage
