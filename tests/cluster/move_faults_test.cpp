// Moves with a fault in each. PORTOSER_MOVE_FAULTS says how many (12), PORTOSER_MOVE_SEED which.
#include "tests/cluster/move_faults.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

namespace portoser::test {
namespace {

std::uint64_t setting_or(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::stoull(text);
}

TEST(MoveFaults, LoseNoAcknowledgedRowAndNeverHaveTwoWriters) {
  // Always the same ones, unless somebody asks for others.
  const auto seed = setting_or("PORTOSER_MOVE_SEED", 1);
  const auto count = setting_or("PORTOSER_MOVE_FAULTS", 12);
  std::cout << "PORTOSER_MOVE_SEED=" << seed << " PORTOSER_MOVE_FAULTS=" << count << std::endl;
  MoveWorld world{MoveFaults::needs(seed)};
  MoveFaults faults{world, seed};
  std::vector<std::string> wrong;
  // What follows a world that is wrong says nothing.
  for (std::uint64_t i = 0; i < count && wrong.empty(); ++i) wrong = faults.step();
  faults.print_counts();
  EXPECT_THAT(wrong, testing::IsEmpty()) << world.controller().log_tail();
  // The folder with logs, journals and database, for whoever looks for the reason.
  if (!wrong.empty()) ::setenv("PORTOSER_TEST_KEEP", "1", 1);
  EXPECT_GE(world.watch().seen(), 1U);
  EXPECT_GT(world.watch().looks(), count) << "the witness slept";
}

}  // namespace
}  // namespace portoser::test
