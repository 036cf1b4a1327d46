#include "controller/jobs/pending_log.h"

#include <gtest/gtest.h>

namespace portoser::jobs {
namespace {

constexpr std::int64_t kept = PendingLog::most_lines - PendingLog::batch_lines;

void push(PendingLog& log, std::int64_t first, std::int64_t count) {
  for (auto number = first; number < first + count; ++number) log.push({number, {}, "up", "line"});
}

TEST(PendingLog, KeepsAtMostAThousandLinesWithThoseUnderWay) {
  PendingLog log;
  log.refused();
  push(log, 0, 100'000);
  std::size_t lines = 0;
  while (!log.empty()) {
    const auto batch = log.batch();
    EXPECT_LE(batch.size(), PendingLog::batch_lines);
    lines += batch.size();
    log.written(batch.back().number);
  }
  EXPECT_EQ(lines + PendingLog::batch_lines, PendingLog::most_lines);
}

TEST(PendingLog, LosesNothingWhileTheDatabaseTakesWhatComes) {
  PendingLog log;
  push(log, 0, 5000);
  std::int64_t next = 0;
  while (!log.empty()) {
    const auto batch = log.batch();
    for (const auto& line : batch) EXPECT_EQ(line.number, next++);
    log.written(batch.back().number);
  }
  EXPECT_EQ(next, 5000);
}

TEST(PendingLog, IsBoundedBetweenTwoWritesToo) {
  PendingLog log;
  push(log, 0, 100'000);
  EXPECT_EQ(log.batch()[0].step, own_step);
  EXPECT_EQ(log.batch()[1].number, 100'000 - PendingLog::most_between_writes + 1);
}

TEST(PendingLog, OneLineOfTheControllersSaysWhatWasLost) {
  PendingLog log;
  push(log, 0, kept + 9);
  log.refused();
  const auto batch = log.batch();
  EXPECT_EQ(batch[0].step, own_step);
  EXPECT_EQ(batch[0].number, 9) << "the place of the last that was lost";
  EXPECT_EQ(batch[0].text, "10 lines were lost, up to number 9: the database could not keep up");
  EXPECT_EQ(batch[1].number, 10);
  EXPECT_EQ(batch[1].step, "up");
}

TEST(PendingLog, LinesThatWereWrittenWhileTheyWereDroppedAreNotCalledLost) {
  PendingLog log;
  log.refused();
  push(log, 0, kept);
  const auto under_way = log.batch();
  push(log, kept, 300);
  log.written(under_way.back().number);  // 0 to 199 are stored; of 0 to 300, 200 to 300 are lost
  const auto batch = log.batch();
  EXPECT_EQ(batch[0].text, "101 lines were lost, up to number 300: the database could not keep up");
  PendingLog few;
  few.refused();
  push(few, 0, kept);
  push(few, kept, 10);
  few.written(few.batch().back().number);
  EXPECT_EQ(few.batch()[0].step, "up") << "nothing was lost in the end";
}

TEST(PendingLog, TellsWhichLinesOfToolsAreNotStoredWithABatch) {
  PendingLog log;
  push(log, 0, 5);
  log.push({5, {}, std::string{own_step}, "ours"});
  push(log, 6, 1);
  EXPECT_EQ(log.tool_lines_behind(2), 3);
  EXPECT_EQ(log.tool_lines_behind(6), 0);
  EXPECT_TRUE(log.has_before(1));
  log.written(6);
  EXPECT_FALSE(log.has_before(100));
}

}  // namespace
}  // namespace portoser::jobs
