// Random faults over three hosts. PORTOSER_FAULTS says how many (40), PORTOSER_SEED which.
#include "tests/cluster/fault_checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <random>

namespace portoser::test {
namespace {

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::stoull(text);
}

TEST(RandomFaults, LoseNothingAndDoNothingTwice) {
  const auto seed = number_from("PORTOSER_SEED", std::random_device{}());
  const auto faults = number_from("PORTOSER_FAULTS", 40);
  std::cout << "PORTOSER_SEED=" << seed << " PORTOSER_FAULTS=" << faults << std::endl;
  // What the checker reads.
  ::setenv("LOG_LEVEL", "debug", 1);
  ::setenv("PORTOSER_LOG_FORMAT", "json", 1);
  Cluster cluster{3, FaultRun::needs(seed)};
  FaultRun run{cluster, seed};
  for (std::uint64_t i = 0; i < faults; ++i) run.step();
  run.mend();
  run.restart_all();
  run.print_counts();
  const auto evidence = gather(cluster, run);
  std::cout << extent_of(evidence) << std::endl;
  const auto wrong = contradictions(evidence);
  EXPECT_THAT(wrong, testing::IsEmpty());
  // The folder with logs, spools and database, for whoever looks for the reason.
  if (!wrong.empty()) ::setenv("PORTOSER_TEST_KEEP", "1", 1);
}

}  // namespace
}  // namespace portoser::test
