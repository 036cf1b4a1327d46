#include "controller/jobs/steps.h"

#include <gtest/gtest.h>

namespace portoser::jobs {
namespace {

Time at(int second) {
  return from_unix_us(std::int64_t{second} * 1'000'000);
}

std::string words(const Steps& steps) {
  std::string text;
  for (const auto& step : steps) {
    text += (text.empty() ? "" : ", ") + step.name + " " + step.state;
  }
  return text;
}

class StepsTest : public testing::Test {
 protected:
  Steps steps_;
};

TEST_F(StepsTest, OneAfterTheOther) {
  EXPECT_TRUE(plan_steps(steps_, {"config", "build", "up"}));
  EXPECT_FALSE(plan_steps(steps_, {"config", "build", "up"}));
  EXPECT_TRUE(begin_step(steps_, "config", at(1)));
  EXPECT_TRUE(begin_step(steps_, "build", at(3)));
  EXPECT_EQ(words(steps_), "config succeeded, build running, up pending");
  EXPECT_EQ(steps_[0].started_at, at(1));
  EXPECT_EQ(steps_[0].finished_at, at(3));
  EXPECT_FALSE(steps_[1].finished_at);
  EXPECT_FALSE(steps_[2].started_at);
}

TEST_F(StepsTest, AStepThatIsToldOfAgainDoesNotGoBack) {
  begin_step(steps_, "config", at(1));
  begin_step(steps_, "up", at(2));
  EXPECT_FALSE(begin_step(steps_, "config", at(5)));
  EXPECT_FALSE(begin_step(steps_, "up", at(6)));
  EXPECT_EQ(words(steps_), "config succeeded, up running");
  EXPECT_EQ(steps_[1].started_at, at(2));
}

TEST_F(StepsTest, APlanThatComesLateKeepsTheOrder) {
  begin_step(steps_, "build", at(1));
  plan_steps(steps_, {"config", "build", "up"});
  EXPECT_EQ(words(steps_), "config pending, build running, up pending");
  begin_step(steps_, "up", at(2));
  EXPECT_EQ(words(steps_), "config succeeded, build succeeded, up running");
  EXPECT_FALSE(steps_[0].started_at) << "nobody told when";
}

TEST_F(StepsTest, AnUnplannedStepComesBeforeThoseThatWait) {
  plan_steps(steps_, {"config", "up"});
  begin_step(steps_, "config", at(1));
  begin_step(steps_, "repair", at(2));
  EXPECT_EQ(words(steps_), "config succeeded, repair running, up pending");
}

TEST_F(StepsTest, SuccessCompletesAlsoWhatNobodyToldOf) {
  plan_steps(steps_, {"config", "up"});
  begin_step(steps_, "config", at(1));
  complete_steps(steps_, at(9));
  EXPECT_EQ(words(steps_), "config succeeded, up succeeded");
  EXPECT_EQ(steps_[0].finished_at, at(9));
  EXPECT_FALSE(steps_[1].finished_at);
}

TEST_F(StepsTest, FailureStopsAtItsStep) {
  plan_steps(steps_, {"config", "build", "up"});
  begin_step(steps_, "config", at(1));
  fail_steps(steps_, "", "the file is wrong", at(2));
  EXPECT_EQ(words(steps_), "config failed, build skipped, up skipped");
  EXPECT_EQ(steps_[0].message, "the file is wrong");
  EXPECT_EQ(steps_[0].finished_at, at(2));
}

TEST_F(StepsTest, FailureInAStepThatNobodyToldOf) {
  begin_step(steps_, "config", at(1));
  fail_steps(steps_, "up", "a port is taken", at(2));
  EXPECT_EQ(words(steps_), "config succeeded, up failed");
}

TEST_F(StepsTest, FailureBeforeTheFirstStepSkipsThemAll) {
  plan_steps(steps_, {"config", "up"});
  fail_steps(steps_, "", "cancelled", at(2));
  EXPECT_EQ(words(steps_), "config skipped, up skipped");
}

TEST_F(StepsTest, WhatIsLearntLaterCorrectsTheEnd) {
  plan_steps(steps_, {"config", "build", "up"});
  begin_step(steps_, "config", at(1));
  fail_steps(steps_, "", "the agent is away", at(2));
  auto copy = steps_;
  fail_steps(copy, "up", "a port is taken", at(5));
  EXPECT_EQ(words(copy), "config succeeded, build succeeded, up failed");
  EXPECT_TRUE(copy[0].message.empty());
  complete_steps(steps_, at(5));
  EXPECT_EQ(words(steps_), "config succeeded, build succeeded, up succeeded");
}

TEST_F(StepsTest, OneThatFailedStaysSoWhileOthersUndoIt) {
  plan_steps(steps_, {"copy", "start", "confirm"});
  begin_step(steps_, "copy", at(1));
  begin_step(steps_, "start", at(2));
  EXPECT_TRUE(fail_step(steps_, "no health", at(3)));
  EXPECT_FALSE(fail_step(steps_, "something else", at(4))) << "none is under way";
  EXPECT_EQ(words(steps_), "copy succeeded, start failed, confirm pending");
  EXPECT_EQ(steps_[1].message, "no health");
  EXPECT_EQ(steps_[1].finished_at, at(3));
  EXPECT_EQ(running_step(steps_), "");
  EXPECT_TRUE(begin_step(steps_, "return", at(5)));
  EXPECT_EQ(words(steps_), "copy succeeded, start failed, return running, confirm pending");
  EXPECT_EQ(steps_[1].finished_at, at(3));
  fail_steps(steps_, "start", "no health there", at(9));
  EXPECT_EQ(words(steps_), "copy succeeded, start failed, return succeeded, confirm skipped");
  EXPECT_EQ(steps_[2].finished_at, at(9));
  EXPECT_EQ(steps_[1].message, "no health there");
}

TEST_F(StepsTest, AJobThatSucceedsBehindAFailureHasDoneAll) {
  plan_steps(steps_, {"copy", "start"});
  begin_step(steps_, "copy", at(1));
  fail_step(steps_, "cut off", at(2));
  begin_step(steps_, "start", at(3));
  complete_steps(steps_, at(4));
  EXPECT_EQ(words(steps_), "copy succeeded, start succeeded");
  EXPECT_EQ(steps_[0].message, "");
}

}  // namespace
}  // namespace portoser::jobs
