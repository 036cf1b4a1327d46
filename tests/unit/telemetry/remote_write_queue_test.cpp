// From samples to a store, through the queue in the database.
#include "tests/unit/telemetry/remote_write_fixture.h"

#include <gmock/gmock.h>

#include <cmath>

namespace portoser::telemetry {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;
using Manner = PlayedStore::Manner;

class RemoteWriteQueue : public RemoteWriteFixture {};

TEST_F(RemoteWriteQueue, SamplesReachTheStoreAtTheirOwnTime) {
  begin();
  tell_live(0, 2);
  begin_sending();
  wait_until_empty();
  EXPECT_THAT(loads(), ElementsAre(Pair(ms_of(0), 0), Pair(ms_of(1), 1), Pair(ms_of(2), 2)));
  EXPECT_THAT(store_.values("portoser_host_up", "brick"), SizeIs(3));
  EXPECT_THAT(store_.values("portoser_service_up", "brick", "notes"), SizeIs(3));
  EXPECT_EQ(remote_write_->stats().sent, 3 * 3);
  EXPECT_EQ(run(storage::OutgoingStore{*database_}.size()).rows, 0);
  tell_live(3, 3);
  wait_for("the next one is there", [&] { return loads().size() == 4; });
}

TEST_F(RemoteWriteQueue, ASampleThatComesTwiceIsSentOnce) {
  begin();
  tell(0);
  tell(0);
  run(series_->write_log());
  EXPECT_EQ(remote_write_->stats().waiting.rows, 1);
}

TEST_F(RemoteWriteQueue, ALateSampleIsSentBehindNewerOnes) {
  begin();
  begin_sending();
  tell_live(0, 0);
  tell_live(100, 100);
  wait_until_empty();
  for (int number = 1; number < 100; ++number) tell(number);
  run(series_->write_log());
  wait_until_empty();
  EXPECT_THAT(loads(), SizeIs(101));
  EXPECT_EQ(loads().at(ms_of(50)), 50);
  // It was not heard then.
  EXPECT_THAT(store_.values("portoser_host_up", "brick"),
              testing::Not(testing::Contains(Pair(ms_of(50), 1))));
}

TEST_F(RemoteWriteQueue, WhatTheStoreCannotTakeNowIsSentAgain) {
  begin();
  tell_live(0, 1);
  for (const int status : {500, 503, 401}) store_.answer_next({.status = status});
  store_.answer_next({.manner = Manner::leave});
  begin_sending();
  wait_until_empty();
  EXPECT_THAT(load_values(), ElementsAre(0, 1));
  const auto stats = remote_write_->stats();
  EXPECT_EQ(stats.failed_sends, 4);
  EXPECT_EQ(stats.refused, 0);
  EXPECT_EQ(stats.last_problem, "");
  EXPECT_FALSE(stats.failing_since);
  EXPECT_EQ(store_.requests().at(0).body, store_.requests().at(4).body);
}

TEST_F(RemoteWriteQueue, TheStoreSaysHowLongToWait) {
  begin();
  tell_live(0, 0);
  store_.answer_next({.status = 429, .headers = "Retry-After: 1\r\n"});
  begin_sending();
  wait_until_empty();
  const auto requests = store_.requests();
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_GE(requests[1].at - requests[0].at, 1s);
}

TEST_F(RemoteWriteQueue, WhatADatabaseDoesNotLetGoIsNotSentAgainAndAgain) {
  begin();
  tell_live(0, 1);
  let_nothing_be_removed();
  const auto failures = database_->stats().failures;
  begin_sending();
  wait_for("it is tried again", [&] { return database_->stats().failures > failures + 5; });
  EXPECT_THAT(store_.requests(), SizeIs(1));
  EXPECT_EQ(remote_write_->stats().sent, 2 * 3);
  EXPECT_THAT(remote_write_->stats().last_problem, HasSubstr("stays in the queue"));
  tell_live(2, 2);
  let_all_be_removed();
  wait_until_empty();
  EXPECT_THAT(store_.requests(), SizeIs(2));
  EXPECT_THAT(load_values(), ElementsAre(0, 1, 2));
  EXPECT_EQ(remote_write_->stats().sent, 3 * 3);
  EXPECT_EQ(remote_write_->stats().last_problem, "");
}

TEST_F(RemoteWriteQueue, NobodyWaitsForAStoreThatHangs) {
  begin();
  settings_.target.timeout = 300s;
  restart();
  tell_live(0, 0);
  store_.answer_next({.manner = Manner::hang});
  begin_sending();
  wait_for("the store hangs", [&] { return !store_.requests().empty(); });
  tell_live(1, 500);  // is stored meanwhile
  EXPECT_EQ(remote_write_->stats().waiting.rows, 501);
  clock_.set_wall(time_of(500));
  Exposition out;
  write_remote_write_families(out, remote_write_->stats(), clock_.now());
  EXPECT_THAT(out.take(), HasSubstr("portoser_remote_write_lag_seconds 2500\n"));
  // Nor does the end of the controller: the request's own limit is 300 s.
  const auto began = std::chrono::steady_clock::now();
  end();
  EXPECT_LT(std::chrono::steady_clock::now() - began, 30s);
  begin();
  begin_sending();
  wait_until_empty();
  EXPECT_THAT(loads(), SizeIs(501));
}

TEST_F(RemoteWriteQueue, AnEndOfTheControllerLosesNothing) {
  begin();
  tell_live(0, 10);
  restart();
  EXPECT_EQ(remote_write_->stats().waiting.rows, 11);
  tell_live(11, 20);
  restart();
  begin_sending();
  wait_until_empty();
  EXPECT_THAT(loads(), SizeIs(21));
}

TEST_F(RemoteWriteQueue, SealingTheSeriesTakesNothingOut) {
  begin();
  tell_live(0, 10);
  while (run(series_->seal_some(true))) {
  }
  restart();
  tell_live(11, 11);
  begin_sending();
  wait_until_empty();
  EXPECT_THAT(loads(), SizeIs(12));
}

TEST_F(RemoteWriteQueue, OverItsLimitTheOldestAreGivenUpAndCounted) {
  begin();
  tell_live(0, 999);
  const auto full = remote_write_->stats().waiting;
  settings_.queue_bytes = full.bytes / 4;
  for (int i = 0; i < 1000; ++i) store_.answer_next({.status = 500});
  restart();
  begin_sending();
  wait_for("the queue is within its limit",
           [&] { return remote_write_->stats().waiting.bytes <= settings_.queue_bytes; });
  const auto stats = remote_write_->stats();
  EXPECT_EQ(stats.given_up, full.samples - stats.waiting.samples);
  EXPECT_GT(stats.waiting.rows, 200);
  const auto left = run(storage::OutgoingStore{*database_}.oldest(1, 1));
  EXPECT_EQ(decode_outgoing(left.at(0).data).time_ms,
            ms_of(1000 - static_cast<int>(stats.waiting.rows)))
      << "the newest stay";
}

TEST_F(RemoteWriteQueue, MuchIsSentInManyRequests) {
  settings_.max_samples_per_send = 100;
  begin();
  tell_live(0, 400);
  begin_sending();
  wait_until_empty();
  EXPECT_THAT(loads(), SizeIs(401));
  EXPECT_GE(store_.requests().size(), 401U * 3 / 100);
}

TEST_F(RemoteWriteQueue, ASampleLargerThanARequestIsSentInSeveral) {
  settings_.max_samples_per_send = 1;
  begin();
  tell_live(0, 0);
  begin_sending();
  wait_until_empty();
  EXPECT_THAT(store_.requests(), SizeIs(3));
}

TEST_F(RemoteWriteQueue, AServiceThatLeftEnds) {
  begin();
  tell_live(0, 0);
  clock_.set_wall(time_of(1));
  tell(1, false);
  run(series_->write_log());
  begin_sending();
  wait_until_empty();
  const auto up = store_.values("portoser_service_up", "brick", "notes");
  ASSERT_THAT(up, SizeIs(2));
  EXPECT_EQ(up.at(ms_of(0)), 1);
  EXPECT_TRUE(std::isnan(up.at(ms_of(1))));
}

TEST_F(RemoteWriteQueue, NothingIsKeptOfAHostThatWasRemoved) {
  begin();
  live_.add_listener(*remote_write_);
  tell_live(0, 0);
  fleet::DeviceEvent removed;
  removed.type = "device_deregistered";
  removed.hostname = "brick";
  live_.on_device(removed);
  clock_.set_wall(time_of(1));
  tell(1, false);  // another host of that name: it never had the service
  run(series_->write_log());
  begin_sending();
  wait_until_empty();
  EXPECT_THAT(load_values(), ElementsAre(0, 1));
  EXPECT_THAT(store_.values("portoser_service_up", "brick", "notes"), SizeIs(1));
}

TEST_F(RemoteWriteQueue, AHostThatIsOfflineIsSaidToBeAgainAndAgain) {
  begin();
  live_.add_listener(*remote_write_);
  begin_sending();
  tasks_->spawn("presence", remote_write_->run_presence());
  live_.on_liveness("brick", fleet::Liveness::online, fleet::Liveness::offline, noon);
  for (int second = 1; second <= 3; ++second) {
    clock_.set_wall(noon + 1s * second);
    wait_for("it is said", [&] {
      run(series_->write_log());
      return store_.values("portoser_host_up", "brick")
          .contains(to_unix_us(noon) / 1000 + second * 1000);
    });
  }
  for (const auto& [time, value] : store_.values("portoser_host_up", "brick")) EXPECT_EQ(value, 0);
}

/// It has no agent, and is heard by its heartbeats.
TEST_F(RemoteWriteQueue, AHostWithoutSamplesIsSaidToBeUpWhileItIsHeard) {
  begin();
  live_.add_listener(*remote_write_);
  begin_sending();
  tasks_->spawn("presence", remote_write_->run_presence());
  const auto said_at = [&](std::chrono::seconds second) {
    clock_.set_wall(noon + second);
    std::optional<double> value;
    wait_for("it is said", [&] {
      run(series_->write_log());
      const auto values = store_.values("portoser_host_up", "brick");
      const auto found = values.find(to_unix_us(noon + second) / 1000);
      if (found != values.end()) value = found->second;
      return value.has_value();
    });
    return value;
  };
  live_.on_liveness("brick", fleet::Liveness::unknown, fleet::Liveness::online, noon);
  EXPECT_EQ(said_at(1s), 1);
  EXPECT_EQ(said_at(2s), 1);
  live_.on_liveness("brick", fleet::Liveness::online, fleet::Liveness::offline, noon);
  EXPECT_EQ(said_at(3s), 0);
  live_.on_liveness("brick", fleet::Liveness::offline, fleet::Liveness::online, noon);
  EXPECT_EQ(said_at(4s), 1);
}

TEST_F(RemoteWriteQueue, WithoutATargetNothingIsKept) {
  begin();
  tell_live(0, 600);
  settings_.target.url.clear();
  restart();
  begin_sending();
  wait_for("what was left is dropped",
           [&] { return run(storage::OutgoingStore{*database_}.size()).rows == 0; });
  tell_live(601, 605);
  EXPECT_EQ(run(storage::OutgoingStore{*database_}.size()).rows, 0);
  Exposition out;
  write_remote_write_families(out, remote_write_->stats(), clock_.now());
  EXPECT_THAT(out.take(), IsEmpty());
}

TEST_F(RemoteWriteQueue, WithoutATargetAFullDatabaseIsNoReasonNotToStart) {
  begin();
  tell_live(0, 10);
  let_nothing_be_removed();
  settings_.target.url.clear();
  restart();  // would throw
  begin_sending();
  const auto failures = [&] { return database_->stats().failures; };
  wait_for("it is tried again", [&] { return failures() > 2; });
  let_all_be_removed();
  wait_for("what was left is dropped",
           [&] { return run(storage::OutgoingStore{*database_}.size()).rows == 0; });
}

}  // namespace
}  // namespace portoser::telemetry
