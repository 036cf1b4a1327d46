#include "agent/deployments/program/health_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portoser::agent::deployments {
namespace {

using namespace std::chrono_literals;
using Kind = HealthVerdict::Kind;

constexpr std::int64_t start_us = 1'000'000'000;

class HealthWatchTest : public testing::Test {
 protected:
  static engine::Container container(const std::string& state, const std::string& health = "") {
    engine::Container out;
    out.id = "a";
    out.name = "notes_web_1";
    out.state = state;
    out.health = health;
    out.started_us = start_us;
    return out;
  }
  /// So long after the start, by both clocks.
  Kind look(const engine::Container& one, std::chrono::milliseconds after) {
    const std::chrono::microseconds us{after};
    return watch.look({one}, start_us + us.count(), HealthWatch::Steady::time_point{after}).kind;
  }

  HealthWatch watch{1s};
};

TEST_F(HealthWatchTest, WaitsForTheCheckHoweverLongItTakes) {
  EXPECT_EQ(look(container("running", "starting"), 0s), Kind::waits);
  EXPECT_EQ(look(container("running", "starting"), 100s), Kind::waits);
  EXPECT_EQ(look(container("running", "healthy"), 101s), Kind::well);
}

TEST_F(HealthWatchTest, WithoutACheckTheSettleTimeCounts) {
  EXPECT_EQ(look(container("running"), 999ms), Kind::waits);
  EXPECT_EQ(look(container("running"), 1s), Kind::well);
}

TEST_F(HealthWatchTest, AWallClockThatIsSetBackHoldsNothingUp) {
  EXPECT_EQ(watch.look({container("running")}, 0, HealthWatch::Steady::time_point{1s}).kind,
            Kind::waits);
  EXPECT_EQ(watch.look({container("running")}, 0, HealthWatch::Steady::time_point{2s}).kind,
            Kind::well);
}

TEST_F(HealthWatchTest, UnhealthyAndEndedAreToldAtOnce) {
  EXPECT_EQ(look(container("running", "unhealthy"), 0s), Kind::unhealthy);
  EXPECT_EQ(look(container("restarting"), 0s), Kind::exited);
  auto ended = container("exited");
  EXPECT_EQ(look(ended, 0s), Kind::well) << "it ended with 0 and is done";
  ended.exit_code = 3;
  EXPECT_EQ(look(ended, 0s), Kind::exited);
}

TEST_F(HealthWatchTest, AStartThatChangesIsOneThatEndsAgainAndAgain) {
  EXPECT_EQ(look(container("running"), 0s), Kind::waits);
  auto again = container("running");
  again.started_us += 5;
  EXPECT_EQ(look(again, 5s), Kind::exited);
}

TEST_F(HealthWatchTest, WhatWasNotTouchedIsLeftAlone) {
  watch.leave_alone("a", start_us, "running");
  EXPECT_EQ(look(container("running", "unhealthy"), 0s), Kind::well);
  auto touched = container("running", "unhealthy");
  touched.started_us += 5;
  EXPECT_EQ(look(touched, 0s), Kind::unhealthy);
}

TEST_F(HealthWatchTest, WhatHadEndedBeforeIsLeftAloneUntilItIsStarted) {
  auto ended = container("exited");
  ended.exit_code = 137;
  watch.leave_alone("a", start_us, "exited");
  EXPECT_EQ(look(ended, 0s), Kind::well);
  ended.started_us += 5;
  EXPECT_EQ(look(ended, 0s), Kind::exited) << "it ended again";
}

}  // namespace
}  // namespace portoser::agent::deployments
