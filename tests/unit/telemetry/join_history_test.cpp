#include "controller/telemetry/join_history.h"

#include <gtest/gtest.h>

namespace portoser::telemetry {
namespace {

TEST(JoinHistoryTest, ASilenceIsJudgedByWhatWasInForceThen) {
  JoinHistory joins{15};
  joins.change(1000, 900);
  joins.change(2000, 3);
  EXPECT_EQ(joins.between(0, 999), 15);
  EXPECT_EQ(joins.between(990, 1000), 900) << "across a change the widest";
  EXPECT_EQ(joins.between(1000, 1999), 900);
  EXPECT_EQ(joins.between(1999, 2500), 900);
  EXPECT_EQ(joins.between(2000, 2500), 3);
  EXPECT_EQ(joins.between(0, 5000), 900);
  EXPECT_EQ(joins.newest(), 3);
  EXPECT_EQ(joins.widest(), 900);
}

TEST(JoinHistoryTest, AChangeByAClockThatWasSetBackTakesThePlaceOfLaterOnes) {
  JoinHistory joins{15};
  joins.change(1000, 900);
  joins.change(500, 30);
  EXPECT_EQ(joins.between(0, 400), 15);
  EXPECT_EQ(joins.between(1000, 2000), 30);
}

}  // namespace
}  // namespace portoser::telemetry
