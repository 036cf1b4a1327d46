#include "controller/fleet/host_clock.h"

#include <gtest/gtest.h>

namespace portoser::fleet {
namespace {

using namespace std::chrono_literals;

const Time noon{std::chrono::hours{24 * 365 * 56} + 12h};

protocol::Moment moment(std::string boot, std::chrono::nanoseconds uptime, Time wall = noon) {
  return {std::move(boot), uptime.count(), to_unix_us(wall)};
}

TEST(HostClock, AnEventLiesAsFarInThePastAsTheHostsUptimeSays) {
  HostClock clock;
  clock.observe(moment("a", 100s), noon);
  const auto event = clock.time_of(moment("a", 70s), noon + 1s);
  EXPECT_EQ(event.time, noon - 30s);
  EXPECT_FALSE(event.estimated);
}

TEST(HostClock, AWrongWallClockDoesNotMatterWithinABoot) {
  HostClock clock;
  clock.observe(moment("a", 100s, noon + 1h), noon);
  EXPECT_EQ(clock.time_of(moment("a", 90s, noon - 5h), noon + 1s).time, noon - 10s);
}

TEST(HostClock, ADelayedMessageDoesNotMoveIt) {
  HostClock clock;
  clock.observe(moment("a", 100s), noon);
  clock.observe(moment("a", 110s), noon + 14s);
  EXPECT_EQ(clock.time_of(moment("a", 110s), noon + 15s).time, noon + 10s);
}

TEST(HostClock, FollowsAClockThatWasSet) {
  HostClock clock;
  clock.observe(moment("a", 100s), noon);
  clock.observe(moment("a", 110s), noon + 1h);
  EXPECT_EQ(clock.time_of(moment("a", 110s), noon + 1h).time, noon + 1h);
}

TEST(HostClock, AnEarlierBootIsEstimatedByTheCorrectedWallClock) {
  HostClock clock;
  clock.observe(moment("b", 20s, noon + 60s), noon);  // the host is a minute ahead
  const auto event = clock.time_of(moment("a", 9000s, noon - 10min), noon);
  EXPECT_EQ(event.time, noon - 11min);
  EXPECT_TRUE(event.estimated);
}

TEST(HostClock, TheFutureIsNow) {
  HostClock clock;
  clock.observe(moment("a", 100s), noon);
  EXPECT_EQ(clock.time_of(moment("a", 500s), noon + 1s).time, noon + 1s);
  EXPECT_EQ(clock.time_of(moment("b", 1s, noon + 24h), noon + 1s).time, noon + 1s);
}

}  // namespace
}  // namespace portoser::fleet
