// What a store refuses, and what it only cannot take now.
#include "tests/unit/telemetry/remote_write_fixture.h"

#include <gmock/gmock.h>

namespace portoser::telemetry {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

class RemoteWriteRefusal : public RemoteWriteFixture {};

TEST_F(RemoteWriteRefusal, WhatTheStoreRefusesIsDroppedAndTheNextGoesOn) {
  begin();
  tell_live(0, 0);
  store_.answer_next({.status = 400, .body = "too old"});
  begin_sending();
  wait_until_empty();
  auto stats = remote_write_->stats();
  EXPECT_EQ(stats.refused, 3);
  EXPECT_EQ(stats.sent, 0);
  EXPECT_EQ(stats.last_problem, "HTTP status 400: too old");
  tell_live(1, 1);
  wait_until_empty();
  EXPECT_THAT(load_values(), testing::ElementsAre(1));
  stats = remote_write_->stats();
  EXPECT_EQ(stats.last_problem, "");
  Exposition out;
  write_remote_write_families(out, stats, clock_.now());
  const auto page = out.take();
  EXPECT_THAT(page,
              HasSubstr("portoser_remote_write_samples_dropped_total{reason=\"refused\"} 3\n"));
  EXPECT_THAT(page, HasSubstr("portoser_remote_write_samples_sent_total 3\n"));
  EXPECT_THAT(page, HasSubstr("portoser_remote_write_pending_samples 0\n"));
  EXPECT_THAT(page, HasSubstr("portoser_remote_write_limit_bytes 268435456\n"));
  EXPECT_THAT(page, HasSubstr("portoser_remote_write_lag_seconds 0\n"));
}

TEST_F(RemoteWriteRefusal, OneSampleThatIsRefusedTakesNoOtherWithIt) {
  // 500 is what Prometheus says of one that is older than its window.
  for (const int status : {400, 500}) {
    begin();
    const int first = status;  // each time other samples
    refuse(status, "slate", first + 7, first + 7);
    tell_of_two(first, first + 19);
    const auto samples = remote_write_->stats().waiting.samples;
    begin_sending();
    wait_until_empty();
    EXPECT_THAT(store_.values("portoser_service_up", "brick", "notes"),
                testing::Contains(Pair(ms_of(first + 7), 1)));
    EXPECT_FALSE(loads("slate").contains(ms_of(first + 7)));
    EXPECT_THAT(loads("slate"), SizeIs(status == 400 ? 19 : 38));
    EXPECT_THAT(loads(), SizeIs(status == 400 ? 20 : 40));
    const auto stats = remote_write_->stats();
    EXPECT_EQ(stats.refused, samples / 40);
    EXPECT_EQ(stats.sent, samples - stats.refused);
    EXPECT_FALSE(stats.failing_since);
    end();
  }
  EXPECT_THAT(store_.values("portoser_remote_write_probe", ""), testing::Not(IsEmpty()));
}

TEST_F(RemoteWriteRefusal, ARowIsDroppedOnlyIfItFailsAfterTheProbeToo) {
  begin();
  constexpr int probe = 204;
  for (const int status : {500, 500, 500, probe}) store_.answer_next({.status = status});
  begin_sending();
  tell_live(0, 0);  // the store has come back
  wait_until_empty();
  EXPECT_EQ(remote_write_->stats().refused, 0);
  EXPECT_THAT(loads(), SizeIs(1));
  for (const int status : {500, 500, 500, probe, 500}) store_.answer_next({.status = status});
  tell_live(1, 1);
  wait_until_empty();
  EXPECT_EQ(remote_write_->stats().refused, 3);
  EXPECT_THAT(loads(), SizeIs(1));
}

TEST_F(RemoteWriteRefusal, AHostOfWhichAllIsTooOldHoldsUpNoOther) {
  begin();
  refuse(500, "slate", 0, 99);
  tell_of_two(0, 9);
  for (int number = 10; number < 60; ++number) tell(number, true, "slate");
  tell_of_two(100, 109);
  begin_sending();
  wait_until_empty();
  EXPECT_THAT(loads(), SizeIs(20));
  EXPECT_THAT(loads("slate"), SizeIs(10));
}

TEST_F(RemoteWriteRefusal, AnEndOfTheControllerWhileItLooksForWhatIsRefusedLosesNothing) {
  begin();
  refuse(400, "slate", 13, 13);
  tell_of_two(0, 19);
  begin_sending();
  wait_for("it looks", [&] { return store_.requests().size() > 3; });
  restart();
  begin_sending();
  wait_until_empty();
  EXPECT_THAT(loads(), SizeIs(20));
  EXPECT_THAT(loads("slate"), SizeIs(19));
}

TEST_F(RemoteWriteRefusal, AStoreThatFailsAtEverythingHasNothingDropped) {
  begin();
  store_.judge_by([](const auto&) { return 500; });
  tell_of_two(0, 2);
  begin_sending();
  wait_for("it was asked often", [&] { return store_.requests().size() > 40; });
  EXPECT_EQ(remote_write_->stats().refused, 0);
  EXPECT_EQ(remote_write_->stats().waiting.rows, 6);
  EXPECT_TRUE(remote_write_->stats().failing_since);
  store_.judge_by({});
  wait_until_empty();
  EXPECT_THAT(loads(), SizeIs(3));
  EXPECT_THAT(loads("slate"), SizeIs(3));
}

}  // namespace
}  // namespace portoser::telemetry
