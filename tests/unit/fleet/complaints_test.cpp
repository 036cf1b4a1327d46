#include "controller/fleet/complaints.h"

#include <gtest/gtest.h>

namespace portoser::fleet {
namespace {

using namespace std::chrono_literals;

TEST(Complaints, TheFirstOfAKindIsToldAtOnce) {
  Complaints complaints;
  const auto first = complaints.add(Trouble::malformed, "one", Uptime{10s});
  ASSERT_TRUE(first);
  EXPECT_EQ(*first, (Complaint{Trouble::malformed, 1, "one"}));
  EXPECT_TRUE(complaints.add(Trouble::too_large, "another kind", Uptime{10s}));
}

TEST(Complaints, TheOthersAreToldTogetherAMinuteLater) {
  Complaints complaints;
  complaints.add(Trouble::malformed, "one", Uptime{10s});
  EXPECT_FALSE(complaints.add(Trouble::malformed, "two", Uptime{11s}));
  EXPECT_FALSE(complaints.add(Trouble::malformed, "three", Uptime{40s}));
  EXPECT_EQ(complaints.wait(Uptime{40s}), Uptime{30s});
  EXPECT_TRUE(complaints.due(Uptime{69s}).empty());
  const auto due = complaints.due(Uptime{70s});
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0], (Complaint{Trouble::malformed, 2, "three"}));
}

TEST(Complaints, NothingIsDueWhereNothingIsLeftToTell) {
  Complaints complaints;
  EXPECT_FALSE(complaints.wait(Uptime{0s}));
  complaints.add(Trouble::malformed, "one", Uptime{10s});
  EXPECT_FALSE(complaints.wait(Uptime{10s}));
  EXPECT_TRUE(complaints.due(Uptime{100s}).empty());
}

TEST(Complaints, WhatAStrangerSaidIsToldInShort) {
  Complaints complaints;
  const auto told = complaints.add(Trouble::malformed, std::string(1U << 20U, 'x'), Uptime{10s});
  ASSERT_TRUE(told);
  EXPECT_LT(told->latest.size(), 300U);
}

}  // namespace
}  // namespace portoser::fleet
