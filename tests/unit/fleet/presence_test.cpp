#include "controller/fleet/presence.h"

#include <gtest/gtest.h>

namespace portoser::fleet {
namespace {

using namespace std::chrono_literals;

constexpr Uptime start = 1000s;
constexpr Uptime later = start + 1h;

class PresenceTest : public testing::Test {
 protected:
  PresenceTest() { presence_.add("brick"); }
  Presence presence_{PresenceLimits{}, start};
};

TEST_F(PresenceTest, IsUnknownUntilHeardAndOnlineFromThenOn) {
  EXPECT_EQ(presence_.of("brick"), Liveness::unknown);
  const auto change = presence_.seen("brick", later);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->after, Liveness::online);
  EXPECT_FALSE(presence_.seen("brick", later + 5s)) << "no change, no report";
}

TEST_F(PresenceTest, MissedSamplesMakeItStaleThenOffline) {
  presence_.seen("brick", later);
  EXPECT_TRUE(presence_.check(later + 14s).empty());
  ASSERT_EQ(presence_.check(later + 15s).size(), 1U);
  EXPECT_EQ(presence_.of("brick"), Liveness::stale);
  EXPECT_TRUE(presence_.check(later + 59s).empty());
  const auto changes = presence_.check(later + 60s);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].before, Liveness::stale);
  EXPECT_EQ(changes[0].after, Liveness::offline);
}

TEST_F(PresenceTest, AHostWithItsOwnPatienceIsWaitedForAsLongAsThat) {
  presence_.add("shelf", {180s, 300s}, later);
  EXPECT_EQ(presence_.check(later + 299s).size(), 1U) << "brick alone";
  EXPECT_EQ(presence_.of("shelf"), Liveness::unknown);
  presence_.check(later + 300s);
  EXPECT_EQ(presence_.of("shelf"), Liveness::offline) << "it never came";
  presence_.seen("shelf", later + 400s);
  EXPECT_TRUE(presence_.check(later + 579s).empty());
  presence_.check(later + 580s);
  EXPECT_EQ(presence_.of("shelf"), Liveness::stale);
  presence_.check(later + 700s);
  EXPECT_EQ(presence_.of("shelf"), Liveness::offline);
}

TEST_F(PresenceTest, AnAgentThatWasJustLetInHasTimeToCome) {
  presence_.seen("brick", later);
  presence_.add("chalk", later);
  presence_.add("slate", later);
  EXPECT_TRUE(presence_.check(later + 1s).empty());
  presence_.seen("slate", later + 2s);
  presence_.left("slate");
  EXPECT_EQ(presence_.of("slate"), Liveness::offline) << "it has come and gone";
  presence_.check(later + 44s);
  EXPECT_EQ(presence_.of("chalk"), Liveness::unknown);
  presence_.check(later + 45s);
  EXPECT_EQ(presence_.of("chalk"), Liveness::offline);
}

TEST_F(PresenceTest, NobodyIsDeclaredOfflineWhileTheControllerIsYoung) {
  EXPECT_TRUE(presence_.check(start + 29s).empty());
  EXPECT_EQ(presence_.of("brick"), Liveness::unknown);
  EXPECT_EQ(presence_.check(start + 30s).size(), 1U);
  EXPECT_EQ(presence_.of("brick"), Liveness::offline);
}

TEST_F(PresenceTest, OurOwnAbsenceCountsAgainstNobody) {
  presence_.add("shelf", {180s, 300s}, later);
  presence_.add("slate");
  presence_.seen("brick", later);
  presence_.seen("slate", later);
  presence_.check(later + 1s);
  const auto back = later + 1h;
  presence_.seen("slate", back);  // what had waited for us is read first, maybe
  presence_.was_away(1h - 1s, back);
  EXPECT_TRUE(presence_.check(back).empty());
  EXPECT_TRUE(presence_.check(back + 13s).empty());
  EXPECT_EQ(presence_.check(back + 15s).size(), 2U);
  EXPECT_EQ(presence_.of("slate"), Liveness::stale) << "it is waited for no longer than others";
  presence_.check(back + 60s);
  EXPECT_EQ(presence_.of("brick"), Liveness::offline);
  EXPECT_EQ(presence_.of("slate"), Liveness::offline);
  EXPECT_EQ(presence_.of("shelf"), Liveness::unknown);
}

TEST_F(PresenceTest, OurOwnAbsenceIsNoSignOfLife) {
  presence_.seen("brick", later);
  presence_.was_away(10s, later + 14s);
  EXPECT_FALSE(presence_.heard_since("brick", later + 4s));
  presence_.set_limits({}, 60s, later + 15s);
  EXPECT_FALSE(presence_.heard_since("brick", later + 4s));
  presence_.seen("brick", later + 16s);
  EXPECT_TRUE(presence_.heard_since("brick", later + 4s));
}

TEST_F(PresenceTest, WhoMeasuredSeldomIsNotSilentWhenTheIntervalIsShortened) {
  presence_.add("shelf", {180s, 300s}, later);
  presence_.set_limits(presence_limits(300s, 5s), 5s, later);
  presence_.seen("brick", later);
  presence_.seen("shelf", later);
  EXPECT_TRUE(presence_.check(later + 299s).size() == 1) << "the one without an agent is stale";
  presence_.set_limits(presence_limits(5s, 5s), 300s, later + 299s);
  EXPECT_TRUE(presence_.check(later + 300s).size() == 1) << "and offline by its own patience";
  EXPECT_EQ(presence_.of("brick"), Liveness::online);
}

TEST_F(PresenceTest, AfterOurOwnAbsenceAgentsHaveTimeToReturn) {
  presence_.seen("brick", later);
  EXPECT_EQ(presence_.check(later + 59s).size(), 1U) << "stale";
  presence_.was_away(1h, later + 1h + 59s);
  EXPECT_TRUE(presence_.check(later + 1h + 59s + 29s).empty());
  EXPECT_EQ(presence_.check(later + 1h + 59s + 30s).size(), 1U);
}

TEST(PresenceLimitsTest, AHostThatMeasuresSeldomIsWaitedForLonger) {
  PresenceLimits rest;
  rest.grace = 7s;
  const auto often = presence_limits(5s, 5s, rest);
  EXPECT_EQ(often.stale_after, 15s);
  EXPECT_EQ(often.offline_after, 60s);
  EXPECT_EQ(often.grace, 7s);
  const auto seldom = presence_limits(300s, 5s, rest);
  EXPECT_EQ(seldom.stale_after, 900s);
  EXPECT_EQ(seldom.offline_after, 1200s);
}

TEST_F(PresenceTest, AGoodbyeIsOfflineAtOnceAndAMessageBringsItBack) {
  presence_.seen("brick", later);
  ASSERT_TRUE(presence_.left("brick"));
  EXPECT_EQ(presence_.of("brick"), Liveness::offline);
  const auto change = presence_.seen("brick", later + 1s);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->before, Liveness::offline);
}

TEST_F(PresenceTest, AnswersMeansHeardWithinTwoSamples) {
  presence_.seen("brick", later);
  EXPECT_TRUE(presence_.answers("brick", later + 14s));
  EXPECT_FALSE(presence_.answers("brick", later + 15s));
  EXPECT_FALSE(presence_.answers("nobody", later));
}

}  // namespace
}  // namespace portoser::fleet
