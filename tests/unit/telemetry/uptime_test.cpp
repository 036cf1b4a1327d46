#include "controller/telemetry/uptime.h"

#include "tests/unit/telemetry/noon.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <random>

namespace portoser::telemetry {
namespace {

using namespace std::chrono_literals;
using testing::DoubleEq;
using testing::Optional;

UptimeEvent event(Time at, UptimeChange change) {
  static std::int64_t id = 0;
  return {++id, at, change};
}

/// Watched from `from` to `to`, running at the beginning.
UptimeLog watched(Time from, Time to, std::vector<UptimeEvent> events) {
  return {std::move(events), {{from, to, UpState::up}}};
}

TEST(Uptime, AnOutageThatBeganBeforeTheWindowCountsFromItsBeginning) {
  const auto log = watched(noon - 72h, noon, {event(noon - 71h, UptimeChange::failure)});
  const auto stats = uptime_stats(log, noon - 24h, noon);
  EXPECT_EQ(stats.down, 24h);
  EXPECT_EQ(stats.up, 0h);
  EXPECT_EQ(stats.failures, 0) << "it did not fail in the window";
  EXPECT_THAT(stats.availability_percent, Optional(DoubleEq(0)));
  EXPECT_EQ(stats.current, UpState::down);
  EXPECT_EQ(stats.last_change, noon - 71h);
}

TEST(Uptime, AServiceSeenFirstAnHourAgoIsMeasuredOverThatHour) {
  const auto stats = uptime_stats(watched(noon - 1h, noon, {}), noon - 24h * 30, noon);
  EXPECT_EQ(stats.observed(), 1h);
  EXPECT_EQ(stats.up, 1h);
  EXPECT_THAT(stats.availability_percent, Optional(DoubleEq(100)));
}

TEST(Uptime, WhatNobodyWatchedIsUnknownAndNotDown) {
  UptimeLog log = watched(noon - 10h, noon - 6h, {});
  log.watched.push_back({noon - 2h, noon, UpState::up});
  const auto stats = uptime_stats(log, noon - 10h, noon);
  EXPECT_EQ(stats.unknown, 4h);
  EXPECT_EQ(stats.up, 6h);
  EXPECT_THAT(stats.availability_percent, Optional(DoubleEq(100)));
}

TEST(Uptime, ACrashLoopIsFiveFailuresWithTheirOwnOutages) {
  std::vector<UptimeEvent> events;
  for (int i = 0; i < 5; ++i) {
    events.push_back(event(noon - 50s + 10s * i, UptimeChange::failure));
    events.push_back(event(noon - 46s + 10s * i, UptimeChange::recovery));
  }
  const auto stats = uptime_stats(watched(noon - 1h, noon, events), noon - 1h, noon);
  EXPECT_EQ(stats.failures, 5);
  EXPECT_EQ(stats.recoveries, 5);
  EXPECT_EQ(stats.down, 20s);
  EXPECT_THAT(stats.mttr_seconds, Optional(DoubleEq(4)));
  EXPECT_THAT(stats.mtbf_seconds, Optional(DoubleEq((3600 - 20) / 5.0)));
}

TEST(Uptime, ASecondFailureInARowIsNoFailureMore) {
  const auto stats = uptime_stats(watched(noon - 2h,
                                          noon,
                                          {event(noon - 60min, UptimeChange::failure),
                                           event(noon - 30min, UptimeChange::failure),
                                           event(noon - 0min - 1s, UptimeChange::recovery)}),
                                  noon - 2h,
                                  noon);
  EXPECT_EQ(stats.failures, 1);
  EXPECT_THAT(stats.mttr_seconds, Optional(DoubleEq(3599)));
}

TEST(Uptime, AStopIsPlannedAndCountsNeitherUpNorDown) {
  const auto stats = uptime_stats(
      watched(noon - 4h,
              noon,
              {event(noon - 3h, UptimeChange::stop), event(noon - 1h, UptimeChange::start)}),
      noon - 4h,
      noon);
  EXPECT_EQ(stats.stopped, 2h);
  EXPECT_EQ(stats.down, 0h);
  EXPECT_THAT(stats.availability_percent, Optional(DoubleEq(100)));
  EXPECT_EQ(stats.failures, 0);
}

TEST(Uptime, AServiceThatNeverRanHasNoAvailability) {
  UptimeLog log;
  log.watched = {{noon - 1h, noon, UpState::stopped}};
  const auto stats = uptime_stats(log, noon - 1h, noon);
  EXPECT_EQ(stats.stopped, 1h);
  EXPECT_FALSE(stats.availability_percent);
}

TEST(Uptime, NothingKnownIsAllUnknown) {
  const auto stats = uptime_stats({}, noon - 1h, noon);
  EXPECT_EQ(stats.unknown, 1h);
  EXPECT_EQ(stats.current, UpState::unknown);
  EXPECT_FALSE(stats.availability_percent);
}

TEST(Uptime, WhatHappenedWhileNobodyWatchedStillSaysHowItStandsAfterwards) {
  UptimeLog log = watched(noon - 10h, noon - 6h, {event(noon - 4h, UptimeChange::failure)});
  log.watched.push_back({noon - 2h, noon, UpState::stopped, false});
  const auto stats = uptime_stats(log, noon - 10h, noon);
  EXPECT_EQ(stats.down, 2h);
  EXPECT_EQ(stats.up, 4h);
  EXPECT_EQ(stats.unknown, 4h);
  EXPECT_EQ(stats.failures, 1);
}

TEST(Uptime, TheFirstEventSaysHowItStoodBefore) {
  UptimeLog log;
  log.events = {event(noon - 3h, UptimeChange::failure)};
  log.watched = {{noon - 2h, noon, UpState::down}};
  EXPECT_EQ(uptime_stats(log, noon - 4h, noon).down, 2h);
}

/// Its entry was away from the registry when somebody stopped it, so nobody told.
TEST(Uptime, AStretchThatBeginsOtherwiseThanKnownIsBelieved) {
  UptimeLog log = watched(noon - 10h, noon - 6h, {event(noon - 9h, UptimeChange::restart)});
  log.watched.push_back({noon - 2h, noon, UpState::stopped});
  const auto stats = uptime_stats(log, noon - 10h, noon);
  EXPECT_EQ(stats.up, 4h);
  EXPECT_EQ(stats.stopped, 2h);
  EXPECT_EQ(stats.current, UpState::stopped);
  log.watched.push_back({noon + 1h, noon + 2h, UpState::up});
  EXPECT_EQ(uptime_stats(log, noon, noon + 2h).up, 1h);
}

/// Its host was set up anew meanwhile, so that nobody told that it came back.
TEST(Uptime, AFailureIsOverOnceItIsFoundRunning) {
  UptimeLog log = watched(noon - 10h, noon - 6h, {event(noon - 7h, UptimeChange::failure)});
  log.watched.push_back({noon - 2h, noon, UpState::up});
  auto stats = uptime_stats(log, noon - 10h, noon);
  EXPECT_EQ(stats.down, 1h);
  EXPECT_EQ(stats.up, 5h);
  EXPECT_EQ(stats.current, UpState::up);
  EXPECT_EQ(stats.current_since, noon - 2h);
  EXPECT_EQ(stats.recoveries, 0) << "nobody saw one";
  EXPECT_FALSE(stats.mttr_seconds);
  log.watched.back().found = UpState::stopped;
  EXPECT_EQ(uptime_stats(log, noon - 10h, noon).current, UpState::stopped);
}

/// An agent of before says "up" as long as one container runs.
TEST(Uptime, AFailureIsNotOverWhereAnAgentCannotTell) {
  UptimeLog log = watched(noon - 10h, noon - 6h, {event(noon - 7h, UptimeChange::failure)});
  log.watched.push_back({noon - 2h, noon, UpState::up, false});
  EXPECT_EQ(uptime_stats(log, noon - 10h, noon).down, 3h);
  log.events.push_back(event(noon - 1h, UptimeChange::recovery));
  const auto stats = uptime_stats(log, noon - 10h, noon);
  EXPECT_EQ(stats.recoveries, 1);
  EXPECT_THAT(stats.mttr_seconds, Optional(DoubleEq(7200)));
}

/// One of its containers may run all the same.
TEST(Uptime, WhatIsFoundFailedIsDownAndNoPlannedStop) {
  UptimeLog log;
  log.watched = {{noon - 2h, noon, UpState::down}};
  const auto stats = uptime_stats(log, noon - 2h, noon);
  EXPECT_EQ(stats.down, 2h);
  EXPECT_EQ(stats.stopped, 0h);
  EXPECT_THAT(stats.availability_percent, Optional(DoubleEq(0)));
  EXPECT_EQ(stats.failures, 0) << "nobody saw it";
}

TEST(Uptime, WhereItIsFoundOtherwiseThanKnownIsToldOnce) {
  UptimeLog log = watched(noon - 10h, noon - 8h, {event(noon - 9h, UptimeChange::failure)});
  log.watched.push_back({noon - 6h, noon - 5h, UpState::down});
  log.watched.push_back({noon - 4h, noon - 3h, UpState::up});
  log.watched.push_back({noon - 2h, noon, UpState::stopped});
  const auto found = found_otherwise(log);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].at, noon - 4h);
  EXPECT_EQ(found[0].state, UpState::up);
  EXPECT_EQ(found[1].at, noon - 2h);
  EXPECT_EQ(found[1].state, UpState::stopped);
  EXPECT_TRUE(found_otherwise(watched(noon - 1h, noon, {})).empty());
  EXPECT_TRUE(found_otherwise({}).empty());
}

TEST(Uptime, TimeThatNobodyWatchedIsNoRepairTime) {
  UptimeLog log = watched(noon - 30h,
                          noon - 25h,
                          {event(noon - 25h - 1min, UptimeChange::failure),
                           event(noon - 1h + 2min, UptimeChange::recovery)});
  log.watched.push_back({noon - 1h, noon, UpState::down});
  const auto stats = uptime_stats(log, noon - 30h, noon);
  EXPECT_EQ(stats.down, 3min);
  EXPECT_THAT(stats.mttr_seconds, Optional(DoubleEq(180)));
  const auto lengths = ended_states(log, {log.events[0].id, log.events[1].id});
  EXPECT_EQ(lengths.at(log.events[0].id), 5h - 1min);
  EXPECT_EQ(lengths.at(log.events[1].id), 3min);
}

TEST(Uptime, AnOutageThatNobodyWatchedHasNoLength) {
  UptimeLog log = watched(noon - 30h,
                          noon - 25h,
                          {event(noon - 20h, UptimeChange::failure),
                           event(noon - 19h, UptimeChange::recovery),
                           event(noon - 10min, UptimeChange::failure),
                           event(noon - 6min, UptimeChange::recovery)});
  log.watched.push_back({noon - 1h, noon, UpState::up});
  const auto stats = uptime_stats(log, noon - 30h, noon);
  EXPECT_EQ(stats.recoveries, 2);
  EXPECT_THAT(stats.mttr_seconds, Optional(DoubleEq(240))) << "of the one that was watched";
  EXPECT_FALSE(ended_states(log, {log.events[1].id}).contains(log.events[1].id));
}

TEST(Uptime, ASampleBesideAnEventDoesNotContradictIt) {
  UptimeLog log;
  log.events = {event(noon - 2h, UptimeChange::start)};
  log.watched = {{noon - 2h + 1s, noon, UpState::stopped}};
  EXPECT_EQ(uptime_stats(log, noon - 1h, noon).up, 1h);
}

TEST(Uptime, AServiceThatFailedWhenItWasFirstSeenIsDown) {
  UptimeLog log;
  log.watched = {{noon - 2h, noon, UpState::down}};
  log.events = {event(noon - 1h, UptimeChange::recovery)};
  const auto stats = uptime_stats(log, noon - 2h, noon);
  EXPECT_EQ(stats.down, 1h);
  EXPECT_EQ(stats.recoveries, 1);
  EXPECT_EQ(stats.failures, 0);
}

TEST(Uptime, ItStandsSoSinceItTurnedWasRestartedOrWasFoundAgain) {
  UptimeLog log = watched(noon - 100h, noon, {event(noon - 90h, UptimeChange::recovery)});
  log.watched[0].found = UpState::down;
  EXPECT_EQ(uptime_stats(log, noon - 1h, noon).current_since, noon - 90h);
  log.events.push_back(event(noon - 50h, UptimeChange::restart));
  EXPECT_EQ(uptime_stats(log, noon - 1h, noon).current_since, noon - 50h);
  log.watched = {{noon - 100h, noon - 20h, UpState::up}, {noon - 10h, noon, UpState::up}};
  EXPECT_EQ(uptime_stats(log, noon - 1h, noon).current_since, noon - 10h);
}

TEST(Uptime, AnEventEndsTheStateThatLastedAndNotTheTimeSinceTheOneBefore) {
  const auto log = watched(noon - 4h,
                           noon,
                           {event(noon - 60min, UptimeChange::failure),
                            event(noon - 30min, UptimeChange::failure),
                            event(noon - 10min, UptimeChange::recovery)});
  const auto lengths = ended_states(log, {log.events[0].id, log.events[1].id, log.events[2].id});
  EXPECT_EQ(lengths.at(log.events[0].id), 3h);
  EXPECT_FALSE(lengths.contains(log.events[1].id));
  EXPECT_EQ(lengths.at(log.events[2].id), 50min);
  EXPECT_EQ(ended_states(log, {log.events[2].id}).size(), 1U);
}

/// For any log: no hole, no overlap, and all states together are the window.
TEST(Uptime, SegmentsOfAnyLogCoverTheWindow) {
  std::mt19937 random{11};
  const auto number = [&](int below) {
    return std::uniform_int_distribution<int>{0, below - 1}(random);
  };
  for (int round = 0; round < 2000; ++round) {
    UptimeLog log;
    auto at = noon - 20h;
    for (int i = number(6); i > 0; --i) {
      at += std::chrono::seconds{1 + number(20'000)};
      const auto from = at;
      at += std::chrono::seconds{number(20'000)};
      log.watched.push_back({from, at, static_cast<UpState>(number(4)), number(2) == 0});
    }
    for (int i = number(20); i > 0; --i) {
      const auto when = noon - 24h + std::chrono::seconds{number(24 * 3600 + 1800)};
      log.events.push_back(event(when, static_cast<UptimeChange>(number(5))));
    }
    std::sort(log.events.begin(), log.events.end(), [](const auto& left, const auto& right) {
      return left.at < right.at;
    });
    const auto from = noon - std::chrono::seconds{number(24 * 3600)};
    const auto segments = uptime_segments(log, from, noon);
    auto reached = from;
    for (const auto& segment : segments) {
      ASSERT_EQ(segment.from, reached) << "round " << round;
      ASSERT_LT(segment.from, segment.to);
      reached = segment.to;
    }
    ASSERT_EQ(reached, noon) << "round " << round;
    const auto stats = uptime_stats(log, from, noon);
    ASSERT_EQ(stats.up + stats.down + stats.stopped + stats.unknown, noon - from);
    std::chrono::microseconds seen{};
    for (const auto& one : log.watched) {
      seen += std::max<std::chrono::microseconds>(std::min(one.to, noon) - std::max(one.from, from),
                                                  0us);
    }
    ASSERT_LE(stats.observed(), seen) << "round " << round;
    if (stats.mttr_seconds) {
      ASSERT_LE(*stats.mttr_seconds, std::chrono::duration<double>(stats.down).count());
    }
    if (stats.availability_percent) {
      ASSERT_GE(*stats.availability_percent, 0);
      ASSERT_LE(*stats.availability_percent, 100);
    }
  }
}

}  // namespace
}  // namespace portoser::telemetry
