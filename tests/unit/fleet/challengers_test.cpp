#include "controller/fleet/challengers.h"

#include <gtest/gtest.h>

namespace portoser::fleet {
namespace {

using namespace std::chrono_literals;

TEST(Challengers, EachWaitsSinceItsOwnFirstHello) {
  Challengers challengers;
  EXPECT_FALSE(challengers.waits_since("a", "epoch", 10s));
  EXPECT_FALSE(challengers.waits_since("b", "epoch", 11s));
  EXPECT_FALSE(challengers.waits_since("a", "another", 12s));
  EXPECT_EQ(challengers.waits_since("a", "epoch", 13s), Uptime{10s});
  EXPECT_EQ(challengers.waits_since("b", "epoch", 14s), Uptime{11s});
  challengers.clear();
  EXPECT_FALSE(challengers.waits_since("a", "epoch", 15s));
}

TEST(Challengers, OneThatWasRefusedWaitsFromThenOn) {
  Challengers challengers;
  challengers.waits_since("a", "epoch", 10s);
  challengers.refused("a", "epoch", 20s);
  EXPECT_EQ(challengers.waits_since("a", "epoch", 21s), Uptime{20s});
}

TEST(Challengers, OfMoreThanItsPlacesTheFirstKeepThem) {
  Challengers challengers;
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < 2 * Challengers::most; ++i) {
      const auto since = challengers.waits_since(std::to_string(i), "epoch", 10s + round * 1s);
      EXPECT_EQ(since.has_value(), round > 0 && i < Challengers::most) << i;
    }
  }
}

TEST(Challengers, OneThatIsGoneGivesItsPlaceBack) {
  Challengers challengers;
  for (std::size_t i = 0; i < Challengers::most; ++i) {
    challengers.waits_since(std::to_string(i), "epoch", 10s);
  }
  challengers.waits_since("0", "epoch", 60s);
  challengers.waits_since("late", "epoch", 71s);
  EXPECT_EQ(challengers.waits_since("late", "epoch", 72s), Uptime{71s});
  EXPECT_EQ(challengers.waits_since("0", "epoch", 73s), Uptime{10s});
}

}  // namespace
}  // namespace portoser::fleet
