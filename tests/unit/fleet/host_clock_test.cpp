#include "controller/fleet/host_clock.h"

#include <gtest/gtest.h>

#include <limits>

namespace portoser::fleet {
namespace {

using namespace std::chrono_literals;

const Time noon{std::chrono::hours{24 * 365 * 56} + 12h};

protocol::Moment moment(std::string boot, std::chrono::nanoseconds uptime, Time wall = noon) {
  return {std::move(boot), uptime.count(), to_unix_us(wall)};
}

/// The controller's clocks start at noon; `host_` hears at once.
class HostClockTest : public testing::Test {
 protected:
  [[nodiscard]] Receipt now() const { return {clock_.now(), clock_.uptime()}; }

  ManualClock clock_{noon};
  HostClock host_;
};

TEST_F(HostClockTest, AnEventLiesAsFarInThePastAsTheHostsUptimeSays) {
  host_.observe(moment("a", 100s), now());
  clock_.advance(1s);
  const auto event = host_.time_of(moment("a", 70s), now());
  EXPECT_EQ(event.time, noon - 30s);
  EXPECT_FALSE(event.estimated);
}

TEST_F(HostClockTest, AWrongWallClockOfTheHostDoesNotMatterWithinABoot) {
  host_.observe(moment("a", 100s, noon + 1h), now());
  clock_.advance(1s);
  EXPECT_EQ(host_.time_of(moment("a", 90s, noon - 5h), now()).time, noon - 10s);
}

TEST_F(HostClockTest, ADelayedMessageDoesNotMoveIt) {
  host_.observe(moment("a", 100s), now());
  clock_.advance(14s);
  host_.observe(moment("a", 110s), now());
  clock_.advance(1s);
  EXPECT_EQ(host_.time_of(moment("a", 110s), now()).time, noon + 10s);
}

TEST_F(HostClockTest, MessagesThatWaitedTogetherDoNotMoveIt) {
  host_.observe(moment("a", 100s), now());
  clock_.advance(1h);  // we were stopped
  for (auto sent = 105s; sent <= 120s; sent += 5s) {
    host_.observe(moment("a", sent), now());
    host_.observe(moment("a", sent + 1ms), now());
    clock_.advance(1ms);
  }
  EXPECT_EQ(host_.time_of(moment("a", 102s), now()).time, noon + 2s);
}

TEST_F(HostClockTest, FollowsAHostWhoseUptimeStoodStillWhenTwoMessagesSaySo) {
  host_.observe(moment("a", 100s), now());
  clock_.advance(1h);
  host_.observe(moment("a", 110s), now());
  EXPECT_EQ(host_.time_of(moment("a", 110s), now()).time, noon + 10s);
  clock_.advance(5s);
  host_.observe(moment("a", 115s), now());
  EXPECT_EQ(host_.time_of(moment("a", 114s), now()).time, noon + 1h + 4s);
}

TEST_F(HostClockTest, FollowsAHostWhoseUptimeStoodStillWhenItComesAnew) {
  host_.meet(moment("a", 100s), now());
  clock_.advance(1h);
  host_.meet(moment("a", 110s), now());
  EXPECT_EQ(host_.time_of(moment("a", 110s), now()).time, noon + 1h);
}

TEST_F(HostClockTest, AStepOfTheControllersClockMovesNoAge) {
  host_.observe(moment("a", 100s), now());
  clock_.advance(10s);
  clock_.set_wall(noon - 2h);  // somebody put the clock right; the host says nothing meanwhile
  EXPECT_EQ(host_.time_of(moment("a", 105s), now()).time, noon - 2h - 5s);
  clock_.set_wall(noon + 2h);
  EXPECT_EQ(host_.time_of(moment("a", 105s), now()).time, noon + 2h - 5s);
}

TEST_F(HostClockTest, AStepOfTheControllersClockMovesNoAgeOfAnEarlierBootEither) {
  host_.observe(moment("b", 20s, noon + 60s), now());  // the host is a minute ahead
  clock_.advance(10s);
  clock_.set_wall(noon + 2h);
  const auto event = host_.time_of(moment("a", 9000s, noon - 10min), now());
  EXPECT_EQ(event.time, noon + 2h - 10s - 11min);
  EXPECT_TRUE(event.estimated);
}

TEST_F(HostClockTest, AnEarlierBootIsEstimatedByTheCorrectedWallClock) {
  host_.observe(moment("b", 20s, noon + 60s), now());  // the host is a minute ahead
  const auto event = host_.time_of(moment("a", 9000s, noon - 10min), now());
  EXPECT_EQ(event.time, noon - 11min);
  EXPECT_TRUE(event.estimated);
}

TEST_F(HostClockTest, WhatTheHostsUptimeIsNowIsKnownOnceItWasHeard) {
  EXPECT_FALSE(host_.at(clock_.uptime()));
  host_.meet(moment("a", 100s), now());
  clock_.advance(10s);
  const auto there = host_.at(clock_.uptime());
  ASSERT_TRUE(there);
  EXPECT_EQ(there->boot_id, "a");
  EXPECT_EQ(there->uptime_ns, std::chrono::nanoseconds{110s}.count());
  EXPECT_EQ(there->wall_us, 0);
  clock_.set_wall(noon - 2h);
  EXPECT_EQ(host_.at(clock_.uptime()), there) << "whatever somebody sets";
  host_.meet(moment("b", 5s), now());
  EXPECT_EQ(host_.at(clock_.uptime())->boot_id, "b");
  EXPECT_EQ(host_.at(clock_.uptime())->uptime_ns, std::chrono::nanoseconds{5s}.count());
}

TEST_F(HostClockTest, AnUptimeIsRatherTooLowThanTooHigh) {
  host_.observe(moment("a", 100s), now());  // four seconds late
  EXPECT_EQ(host_.at(clock_.uptime())->uptime_ns, std::chrono::nanoseconds{100s}.count());
  clock_.advance(1s);
  host_.observe(moment("a", 105s), now());  // at once
  EXPECT_EQ(host_.at(clock_.uptime())->uptime_ns, std::chrono::nanoseconds{105s}.count());
  clock_.advance(5s);
  host_.observe(moment("a", 107s), now());
  EXPECT_EQ(host_.at(clock_.uptime())->uptime_ns, std::chrono::nanoseconds{110s}.count());
}

TEST(CorrectedWall, AHostsDateIsReadByTheControllersClock) {
  const auto booted_us = to_unix_us(noon - 10min + 1h);  // its clock is an hour ahead
  EXPECT_EQ(corrected_wall_us(booted_us, moment("a", 10min, noon + 1h), noon),
            to_unix_us(noon - 10min));
  EXPECT_EQ(corrected_wall_us(booted_us, moment("a", 10min, noon + 1h), noon + 400ms),
            to_unix_us(noon - 10min))
      << "it moves in whole seconds";
}

TEST(CorrectedWall, ADifferenceOfADelayedMessageIsNone) {
  const auto booted_us = to_unix_us(noon - 10min);
  EXPECT_EQ(corrected_wall_us(booted_us, moment("a", 10min, noon), noon + 3s), booted_us);
}

TEST(CorrectedWall, ADateThatIsUnknownStaysSo) {
  EXPECT_EQ(corrected_wall_us(0, moment("a", 10min, noon + 1h), noon), 0);
}

TEST(CorrectedWall, DatesBeyondAllBoundsHarmNobody) {
  auto when = moment("a", 1s);
  for (const auto far :
       {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    when.wall_us = far;
    corrected_wall_us(far, when, noon);
    corrected_wall_us(0, when, noon);
  }
}

TEST(WallWatchTest, TellsOnceByHowMuchTheClockWasSet) {
  ManualClock clock{noon};
  const auto now = [&] { return Receipt{clock.now(), clock.uptime()}; };
  WallWatch watch;
  EXPECT_EQ(watch.check(now()), 0s);
  clock.advance(1h);
  EXPECT_EQ(watch.check(now()), 0s);
  clock.set_wall(clock.now() - 1h);
  EXPECT_EQ(watch.check(now()), -1h);
  EXPECT_EQ(watch.check(now()), 0s);
}

TEST(WallWatchTest, AClockThatIsLedBackToTheTruthIsFollowedInSteps) {
  ManualClock clock{noon};
  const auto now = [&] { return Receipt{clock.now(), clock.uptime()}; };
  WallWatch watch;
  watch.check(now());
  std::chrono::microseconds followed{0};
  for (int i = 0; i < 30; ++i) {
    clock.set_wall(clock.now() + 100ms);
    followed += watch.check(now());
  }
  EXPECT_EQ(followed, 3s);
}

TEST_F(HostClockTest, TheFutureIsNow) {
  host_.observe(moment("a", 100s), now());
  clock_.advance(1s);
  EXPECT_EQ(host_.time_of(moment("a", 500s), now()).time, noon + 1s);
  EXPECT_EQ(host_.time_of(moment("b", 1s, noon + 24h), now()).time, noon + 1s);
}

TEST_F(HostClockTest, WhatIsOfTheFutureIsKnown) {
  EXPECT_FALSE(host_.is_of_the_future(moment("a", 500s), now())) << "nothing is known yet";
  host_.observe(moment("a", 100s), now());
  clock_.advance(10s);
  EXPECT_FALSE(host_.is_of_the_future(moment("a", 110s), now()));
  EXPECT_FALSE(host_.is_of_the_future(moment("a", 165s), now())) << "the first one may have waited";
  EXPECT_TRUE(host_.is_of_the_future(moment("a", 175s), now()));
  EXPECT_FALSE(host_.is_of_the_future(moment("b", 500s), now()));
}

TEST_F(HostClockTest, MomentsBeyondAllBoundsHarmNobody) {
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  constexpr auto least = std::numeric_limits<std::int64_t>::min();
  host_.observe({"a", most, most}, now());
  EXPECT_LE(host_.time_of({"a", least, least}, now()).time, noon);
  EXPECT_LE(host_.time_of({"b", most, most}, now()).time, noon);
  host_.observe({"a", least, least}, now());
  EXPECT_LE(host_.time_of({"a", most, most}, now()).time, noon);
  EXPECT_LE(host_.time_of({"b", most, most}, now()).time, noon);
}

}  // namespace
}  // namespace portoser::fleet
