#include "common/log_counts.h"
#include "tests/unit/telemetry/series_fixture.h"

#include <gmock/gmock.h>

namespace portoser::telemetry {
namespace {

class SeriesRestart : public SeriesTest {
 protected:
  /// As while the controller reads a long log.
  void start_again() {
    series_.reset();
    close();
    open();
    series_.emplace(*database_, clock_);
    run(series_->start());
  }
};

TEST_F(SeriesRestart, ARestartLosesNothingThatWasLogged) {
  tell_live(0, 300);
  run(series_->write_log());
  tell_live(301, 302);
  restart();
  EXPECT_EQ(count(noon, noon + 1h, 5s), 301);
  // The agent tells the last minute again.
  for (int number = 291; number <= 302; ++number) tell(number);
  EXPECT_EQ(count(noon, noon + 1h, 5s), 303);
  EXPECT_EQ(series_->stats().repeated, 10U);
}

TEST_F(SeriesRestart, WhatIsMeasuredBeforeItIsRestoredWaitsAndCountsOnce) {
  tell_live(0, 200);
  run(series_->write_log());
  start_again();
  for (int number = 190; number <= 210; ++number) tell(number);
  EXPECT_EQ(series_->stats().samples, 0U) << "which are repeated is not known yet";
  auto reading = start(series_->watches("brick", "notes", noon));
  poll();
  run(series_->restore());
  EXPECT_EQ(series_->stats().samples, 10U);
  EXPECT_EQ(series_->stats().repeated, 11U);
  EXPECT_EQ(count(noon, noon + 1h, 5s), 211);
  EXPECT_FALSE(finish(std::move(reading)).empty()) << "who asked meanwhile has waited";
}

TEST_F(SeriesRestart, WhatIsAskedIsRefusedWhileItIsRestored) {
  tell_live(0, 20);
  run(series_->write_log());
  start_again();
  SeriesQuery query;
  query.host = "brick";
  query.keys = {cpu};
  query.from = noon;
  query.to = noon + 1h;
  try {
    run(series_->read(query));
    ADD_FAILURE() << "an answer without its newest samples";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::unavailable);
    EXPECT_EQ(error.reason(), "STARTING");
    EXPECT_THAT(error.message(), testing::HasSubstr("has just started"));
  }
}

TEST_F(SeriesRestart, ALogThatCannotBeReadIsReadWhenItCanBe) {
  tell_live(0, 20);
  run(series_->write_log());
  start_again();
  run(database_->write([](storage::Connection& connection) {
    connection.run("ALTER TABLE series_log RENAME TO away");
  }));
  EXPECT_THROW(run(series_->restore()), Error);
  tell(21);
  run(database_->write([](storage::Connection& connection) {
    connection.run("ALTER TABLE away RENAME TO series_log");
  }));
  run(series_->restore());
  EXPECT_EQ(count(noon, noon + 1h, 5s), 22);
}

TEST_F(SeriesRestart, ALogThatCanNeverBeReadIsGivenUpAndWhatIsMeasuredIsKept) {
  tell_live(0, 20);
  run(series_->write_log());
  start_again();
  run(database_->write([](storage::Connection& connection) {
    connection.run("ALTER TABLE series_log RENAME TO away");
  }));
  tell(21);
  const auto errors = log::counts().errors;
  EXPECT_THROW(run(series_->restore_or_give_up()), Error);
  EXPECT_EQ(log::counts().errors, errors);
  clock_.advance(61s);
  run(series_->restore_or_give_up());
  EXPECT_EQ(log::counts().errors, errors + 1);
  EXPECT_EQ(count(noon, noon + 1h, 5s), 1);
}

/// A thousand containers each, until nothing is left of the first ones.
TEST_F(SeriesRestart, WhatWaitsUntilItIsRestoredIsBounded) {
  start_again();
  for (int number = 1; number <= 250; ++number) {
    auto sample = std::make_shared<protocol::Sample>();
    sample->when.boot_id = "boot";
    sample->number = number;
    sample->cpu.percent = 1;
    sample->containers.resize(1000);
    series_->measured("brick", time_of(number), sample);
  }
  EXPECT_GT(series_->stats().dropped_values, 0U);
  run(series_->restore());
  EXPECT_EQ(series_->stats().samples, 198U) << "200,000 containers, and what belongs to the host";
}

}  // namespace
}  // namespace portoser::telemetry
