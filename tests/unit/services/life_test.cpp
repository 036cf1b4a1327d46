#include "agent/services/life.h"

#include <gtest/gtest.h>

namespace portoser::agent::services {
namespace {

engine::Container exited(std::int64_t code, const std::string& state = "exited") {
  engine::Container container;
  container.state = state;
  container.exit_code = code;
  return container;
}

TEST(PastEnding, IsJudgedByCodeAndState) {
  EXPECT_EQ(judge_past_ending(exited(0)), Ending::finished);
  EXPECT_EQ(judge_past_ending(exited(1)), Ending::failed);
  EXPECT_EQ(judge_past_ending(exited(143)), Ending::stopped);
  EXPECT_EQ(judge_past_ending(exited(0, "created")), Ending::stopped);
  EXPECT_EQ(judge_past_ending(exited(0, "dead")), Ending::failed);
  EXPECT_EQ(judge_past_ending(exited(0, "restarting")), Ending::recycled);
  EXPECT_EQ(judge_past_ending(exited(4, "restarting")), Ending::failed);
}

TEST(EndingText, NamesTheSignal) {
  EXPECT_EQ(ending_text(1, false), "exit 1");
  EXPECT_EQ(ending_text(139, false), "exit 139 (SIGSEGV)");
  EXPECT_EQ(ending_text(137, true), "out of memory (exit 137)");
}

TEST(OutOfMemory, ExplainsAKillAndNotAnEndMuchLater) {
  constexpr std::int64_t second = 1'000'000;
  EXPECT_TRUE(explains_end(second, 137, 1000 * second));
  EXPECT_TRUE(explains_end(second, 1, 2 * second));
  EXPECT_FALSE(explains_end(second, 1, 1000 * second));
  EXPECT_FALSE(explains_end(0, 137, second));
  EXPECT_FALSE(explains_end(second, 0, second));
}

}  // namespace
}  // namespace portoser::agent::services
