// From samples to a store, through the queue in the database.
#include "controller/telemetry/remote_write.h"
#include "controller/telemetry/remote_write_families.h"
#include "tests/support/await.h"
#include "tests/unit/storage/storage_test.h"
#include "tests/unit/telemetry/noon.h"
#include "tests/unit/telemetry/played_store.h"

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

/// A host that measures every five seconds; its processor's load is the number of its sample.
class RemoteWriteQueue : public storage::StorageTest {
 protected:
  RemoteWriteQueue() {
    settings_.target.url = store_.url();
    settings_.idle = 10ms;
    settings_.least_pause = 5ms;
    settings_.most_pause = 20ms;
    settings_.offline_every = 10ms;
    clock_.set_wall(noon);
    open();
  }
  ~RemoteWriteQueue() override { end(); }

  void begin() {
    series_.emplace(*database_, clock_);
    remote_write_.emplace(*database_, *series_, live_, clock_, settings_);
    run(series_->start());
    run(remote_write_->start());
  }
  void begin_sending() {
    tasks_.emplace(io_.get_executor());
    tasks_->spawn("remote write", remote_write_->run());
  }
  void end() {
    if (remote_write_) remote_write_->give_up();
    if (tasks_) {
      tasks_->stop();
      run(tasks_->join());
    }
    tasks_.reset();
    remote_write_.reset();
    series_.reset();
  }
  /// As after a SIGKILL.
  void restart() {
    end();
    close();
    open();
    begin();
  }

  static Time time_of(int number) { return noon + 5s * number; }
  static std::int64_t ms_of(int number) { return to_unix_us(time_of(number)) / 1000; }
  void tell(int number, bool has_service = true, const std::string& host = "brick") {
    auto sample = std::make_shared<protocol::Sample>();
    sample->when.boot_id = "boot";
    sample->when.uptime_ns = std::int64_t{number} * 5'000'000'000;
    sample->number = 1000 + number;
    sample->cpu.percent = number;
    if (has_service) sample->services = {{"notes", true}};
    series_->measured(host, time_of(number), sample);
  }
  /// Live: the clock goes on with them. They are in the database then.
  void tell_live(int first, int last) {
    for (int number = first; number <= last; ++number) {
      clock_.set_wall(time_of(number));
      tell(number);
    }
    run(series_->write_log());
  }
  void wait_for(std::string_view reason, const std::function<bool()>& condition) {
    test::await_until(reason, 60s, [&] {
      poll();
      return condition();
    });
  }
  void wait_until_empty() {
    wait_for("nothing waits", [&] { return remote_write_->stats().waiting.rows == 0; });
  }
  /// As on a full disk; what is new is stored all the same.
  void let_nothing_be_removed() {
    run(database_->write([](storage::Connection& connection) {
      connection.run(
          "CREATE TRIGGER keep BEFORE DELETE ON outgoing_samples BEGIN SELECT RAISE(FAIL, 'no'); "
          "END");
    }));
  }
  void let_all_be_removed() {
    run(database_->write(
        [](storage::Connection& connection) { connection.run("DROP TRIGGER keep"); }));
  }
  std::map<std::int64_t, double> loads(const std::string& host = "brick") const {
    return store_.values("portoser_host_cpu_percent", host);
  }
  /// Two hosts at a time: the requests have both.
  void tell_of_two(int first, int last) {
    for (int number = first; number <= last; ++number) {
      clock_.set_wall(time_of(number));
      tell(number);
      tell(number, true, "slate");
    }
    run(series_->write_log());
  }
  /// The store takes no request with one of these samples in it.
  void refuse(int status, const std::string& host, int first, int last) {
    store_.judge_by([=](const std::vector<ReceivedSeries>& all) {
      for (const auto& series : all) {
        if (series.label("machine") != host) continue;
        for (const auto& [time, value] : series.samples) {
          if (time >= ms_of(first) && time <= ms_of(last)) return status;
        }
      }
      return 204;
    });
  }
  std::vector<double> load_values() const {
    std::vector<double> values;
    for (const auto& [time, value] : loads()) values.push_back(value);
    return values;
  }

  PlayedStore store_;
  RemoteWriteSettings settings_;
  Live live_;
  std::optional<Series> series_;
  std::optional<RemoteWrite> remote_write_;
  std::optional<TaskGroup> tasks_;
};

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

TEST_F(RemoteWriteQueue, WhatTheStoreRefusesIsDroppedAndTheNextGoesOn) {
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
  EXPECT_THAT(load_values(), ElementsAre(1));
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

TEST_F(RemoteWriteQueue, OneSampleThatIsRefusedTakesNoOtherWithIt) {
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

TEST_F(RemoteWriteQueue, ARowIsDroppedOnlyIfItFailsAfterTheProbeToo) {
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

TEST_F(RemoteWriteQueue, AHostOfWhichAllIsTooOldHoldsUpNoOther) {
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

TEST_F(RemoteWriteQueue, AnEndOfTheControllerWhileItLooksForWhatIsRefusedLosesNothing) {
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

TEST_F(RemoteWriteQueue, AStoreThatFailsAtEverythingHasNothingDropped) {
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
