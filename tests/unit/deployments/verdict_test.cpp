#include "agent/deployments/program/verdict.h"

#include "common/error.h"
#include "common/file.h"
#include "tests/support/temp_folder.h"

#include <gtest/gtest.h>

#include <barrier>
#include <thread>

namespace portoser::agent::deployments {
namespace {

namespace fs = std::filesystem;

class VerdictTest : public testing::Test {
 protected:
  test::TempFolder folder{"verdict"};
  VerdictFile file{folder.path()};
};

TEST_F(VerdictTest, IsNotThereBeforeSomebodyDecides) {
  EXPECT_FALSE(file.read());
  file.prepare();
  EXPECT_FALSE(file.read());
}

TEST_F(VerdictTest, TheFirstHoldsForAll) {
  EXPECT_EQ(file.decide(Verdict::confirmed), Verdict::confirmed);
  EXPECT_EQ(file.decide(Verdict::expired), Verdict::confirmed);
  EXPECT_EQ(file.read(), Verdict::confirmed);
  // As the runner reads it.
  EXPECT_EQ(read_file(folder / verdict_name), "confirmed\n");
}

TEST_F(VerdictTest, WhatIsOverIsNeverConfirmed) {
  EXPECT_EQ(file.decide(Verdict::expired), Verdict::expired);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(file.decide(Verdict::confirmed), Verdict::expired);
  file.prepare();
  EXPECT_EQ(file.decide(Verdict::confirmed), Verdict::expired);
}

TEST_F(VerdictTest, NeedsNoNewFileOnceItIsPrepared) {
  file.prepare();
  const auto inode = fs::hard_link_count(folder / "verdict.expired");
  EXPECT_EQ(file.decide(Verdict::expired), Verdict::expired);
  EXPECT_EQ(fs::hard_link_count(folder / "verdict.expired"), inode + 1);
}

TEST_F(VerdictTest, OfTwoWhoDecideAtOnceOneHoldsAndBothKnow) {
  for (int round = 0; round < 200; ++round) {
    const auto place = folder / ("round-" + std::to_string(round));
    make_folder(place);
    const VerdictFile both{place};
    if (round % 2 == 0) both.prepare();
    std::barrier start{2};
    auto first = Verdict::expired;
    auto second = Verdict::confirmed;
    const auto race = [&](Verdict wanted, Verdict& seen) {
      start.arrive_and_wait();
      seen = both.decide(wanted);
    };
    std::thread one{race, Verdict::confirmed, std::ref(first)};
    std::thread other{race, Verdict::expired, std::ref(second)};
    one.join();
    other.join();
    ASSERT_EQ(first, second) << "round " << round;
    ASSERT_EQ(both.read(), first) << "round " << round;
  }
}

TEST_F(VerdictTest, ADamagedOneIsSaid) {
  write_file_atomic(folder / verdict_name, "conf");
  EXPECT_THROW(static_cast<void>(file.read()), Error);
  EXPECT_THROW(file.decide(Verdict::expired), Error);
}

}  // namespace
}  // namespace portoser::agent::deployments
