#include "tests/unit/telemetry/series_fixture.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <random>

namespace portoser::telemetry {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::Optional;

TEST_F(SeriesTest, SamplesAreReadAsTheyCame) {
  tell_live(0, 3);
  EXPECT_THAT(means(read(noon, noon + 20s, 5s)),
              ElementsAre(Optional(0.0), Optional(1.0), Optional(2.0), Optional(3.0)));
}

TEST_F(SeriesTest, AGapIsAGap) {
  tell_live(0, 1);
  tell_live(3, 3);
  EXPECT_THAT(means(read(noon, noon + 20s, 5s)),
              ElementsAre(Optional(0.0), Optional(1.0), std::nullopt, Optional(3.0)));
  EXPECT_THAT(means(read(noon, noon + 20s, 5s, {"notes", Metric::cpu_percent, ""})),
              ElementsAre(std::nullopt, std::nullopt, std::nullopt, std::nullopt));
}

TEST_F(SeriesTest, ABucketHasItsMeanAndExtremes) {
  tell_live(0, 11);
  const auto minute = read(noon, noon + 1min, 1min).at(0);
  ASSERT_TRUE(minute);
  EXPECT_EQ(minute->count, 12);
  EXPECT_DOUBLE_EQ(minute->mean, 5.5);
  EXPECT_DOUBLE_EQ(minute->min, 0);
  EXPECT_DOUBLE_EQ(minute->max, 11);
}

/// The same answer before and after sealing, in every tier.
TEST_F(SeriesTest, SealingChangesNoAnswer) {
  tell_live(0, 719);  // an hour
  const auto ask = [&](std::chrono::milliseconds step) {
    return means(read(noon, noon + 1h, step));
  };
  const auto raw = ask(5s);
  const auto minutes = ask(1min);
  const auto quarters = ask(15min);
  EXPECT_EQ(series_->stats().open_spans, 4U);
  seal_all();
  EXPECT_EQ(series_->stats().open_spans, 0U);
  EXPECT_EQ(series_->stats().open_bytes, 0U);
  EXPECT_EQ(ask(5s), raw);
  EXPECT_EQ(ask(1min), minutes);
  EXPECT_EQ(ask(15min), quarters);
  restart();
  EXPECT_EQ(ask(1min), minutes);
  EXPECT_EQ(count(noon, noon + 1h, 5s), 720);
}

TEST_F(SeriesTest, ASpanIsSealedWhenItIsOverAndQuiet) {
  tell_live(0, 100);
  EXPECT_FALSE(run(series_->seal_some()));
  clock_.advance(15min + 3min);
  EXPECT_TRUE(run(series_->seal_some()));
  EXPECT_EQ(series_->stats().open_spans, 0U);
}

TEST_F(SeriesTest, WhatComesTwiceCountsOnce) {
  tell_live(0, 200);
  for (int number = 0; number <= 200; ++number) tell(number);
  seal_all();
  for (int number = 0; number <= 200; ++number) tell(number);
  restart();
  for (int number = 0; number <= 200; ++number) tell(number);
  EXPECT_EQ(count(noon, noon + 1h, 5s), 201);
  EXPECT_EQ(count(noon, noon + 1h, 1min), 201);
}

TEST_F(SeriesTest, LateOnesFillTheirPlaceInEveryTier) {
  tell_live(0, 99);
  tell_live(400, 500);
  seal_all();
  std::vector<int> late;
  for (int number = 100; number < 400; ++number) late.push_back(number);
  std::shuffle(late.begin(), late.end(), std::mt19937{5});
  for (const int number : late) {
    tell(number);
    if (number % 50 == 0) seal_all();
  }
  for (const auto step : {5s, 60s, 900s}) {
    EXPECT_EQ(count(noon, noon + 1h, step), 501) << step.count();
  }
  EXPECT_THAT(means(read(time_of(100), time_of(103), 5s)),
              ElementsAre(Optional(0.0), Optional(1.0), Optional(2.0)));
  seal_all();
  for (const auto step : {5s, 60s, 900s}) {
    EXPECT_EQ(count(noon, noon + 1h, step), 501) << step.count();
  }
}

/// An agent that was cut off for six hours.
TEST_F(SeriesTest, OnesLaterThanTheRawTierGoIntoTheMinutes) {
  clock_.set_wall(noon + 6h);
  for (int number = 0; number < 4320; ++number) tell(number);
  seal_all();
  EXPECT_EQ(count(noon, noon + 6h, 1min), 4320);
  EXPECT_EQ(count(noon + 4h, noon + 6h, 5s), 1440) << "the last two hours as they came";
}

TEST_F(SeriesTest, OldBlocksGoTierByTier) {
  tell_live(0, 11);
  seal_all();
  clock_.advance(noon + 3h - clock_.now());
  run(series_->delete_old());
  EXPECT_EQ(count(noon, noon + 1h, 1min), 12);
  clock_.advance(noon + 24h * 10 - clock_.now());
  run(series_->delete_old());
  EXPECT_EQ(count(noon, noon + 1h, 1min), 12) << "from the quarters of an hour";
  clock_.advance(noon + 24h * 405 - clock_.now());
  run(series_->delete_old());
  EXPECT_EQ(count(noon, noon + 1h, 1min), 0);
}

TEST_F(SeriesTest, AControllerThatStartsWithItsClockAheadDeletesNothing) {
  tell_live(0, 11);
  seal_all();
  run(series_->delete_old());
  clock_.set_wall(noon + 24h * 405);
  restart();
  run(series_->delete_old());
  clock_.set_wall(noon + 1h);
  EXPECT_EQ(count(noon, noon + 1h, 1min), 12);
}

TEST_F(SeriesTest, AServiceIsFoundAsItsAgentSays) {
  const std::vector<std::pair<protocol::ServiceUp, storage::FoundState>> all{
      {{"notes", true, false}, storage::FoundState::running},
      {{"notes", true, true}, storage::FoundState::failed},
      {{"notes", false, true}, storage::FoundState::failed},
      {{"notes", false, false}, storage::FoundState::stopped},
      {{"notes", true, {}}, storage::FoundState::some_running},
      {{"notes", false, {}}, storage::FoundState::not_running}};
  int number = 0;
  for (const auto& [service, found] : all) {
    auto sample = std::make_shared<protocol::Sample>();
    sample->when.boot_id = "boot";
    sample->number = ++number;
    sample->services = {service};
    const auto host = "host-" + std::to_string(number);
    series_->measured(host, noon, sample);
    EXPECT_EQ(run(series_->watches(host, "notes", noon - 1h)).at(0).found, found) << number;
    seal_all();
    EXPECT_EQ(run(series_->watches(host, "notes", noon - 1h)).at(0).found, found) << number;
  }
}

/// Somebody reads while spans go from memory into the database.
TEST_F(SeriesTest, AReaderBesideASealSeesEachSampleOnce) {
  tell_live(0, 500);
  auto gate = std::make_shared<storage::Gate>();
  auto held = start(database_->write([gate](storage::Connection&) { gate->pass(); }));
  poll();
  gate->wait_until_entered();
  auto sealing = start(series_->seal_some(true));
  poll();
  EXPECT_EQ(count(noon, noon + 1h, 1min), 501) << "before its commit";
  tell(501);
  EXPECT_EQ(count(noon, noon + 1h, 1min), 502) << "what comes meanwhile";
  gate->open();
  finish(std::move(held));
  finish(std::move(sealing));
  EXPECT_EQ(count(noon, noon + 1h, 1min), 502) << "after it";
}

/// Memory is looked at, then the spans are sealed, then the database is.
TEST_F(SeriesTest, ASealInTheMiddleOfAReadCountsNothingTwice) {
  close();
  storage::DatabaseOptions one_reader;
  one_reader.readers = 1;
  open(one_reader);
  make_series();
  tell_live(0, 500);
  auto gate = std::make_shared<storage::Gate>();
  auto held = start(database_->read([gate](storage::Connection&) { gate->pass(); }));
  poll();
  gate->wait_until_entered();
  SeriesQuery query;
  query.host = "brick";
  query.keys = {cpu};
  query.from = noon;
  query.to = noon + 1h;
  auto reading = start(series_->read(query));
  poll();
  seal_all();
  gate->open();
  finish(std::move(held));
  std::int64_t samples = 0;
  const auto window = finish(std::move(reading));
  for (const auto& point : window.points.at(0)) {
    samples += point ? point->count : 0;
  }
  EXPECT_EQ(samples, 501);
}

TEST_F(SeriesTest, ADatabaseThatTakesNothingIsTriedAgain) {
  tell_live(0, 200);
  run(database_->write([](storage::Connection& connection) {
    connection.run(
        "CREATE TRIGGER refuse BEFORE INSERT ON series_blocks BEGIN SELECT RAISE(FAIL, 'no'); END");
  }));
  EXPECT_THROW(run(series_->seal_some(true)), Error);
  EXPECT_EQ(count(noon, noon + 1h, 1min), 201);
  run(database_->write(
      [](storage::Connection& connection) { connection.run("DROP TRIGGER refuse"); }));
  tell_live(201, 201);
  seal_all();
  EXPECT_EQ(count(noon, noon + 1h, 1min), 202);
}

TEST_F(SeriesTest, WhatWaitsForAFullDiskIsBoundedAndTheOldestGoes) {
  series_.reset();
  SeriesSettings settings;
  settings.most_bytes = 2800;  // two of the three spans
  make_series(settings);
  tell_live(0, 499);
  EXPECT_LE(series_->stats().open_bytes, 2800U);
  EXPECT_GT(series_->stats().dropped_values, 0U);
  EXPECT_EQ(count(time_of(360), time_of(500), 5s), 140) << "the newest stay";
}

/// Samples that are packed are read as they came, whichever came first, and take little room.
TEST_F(SeriesTest, AQuarterOfAnHourInMemoryIsPackedAndReadAsItCame) {
  std::vector<int> late;
  for (int number = 0; number < 180; ++number) {
    clock_.set_wall(time_of(number));
    if (number % 7 == 3) {
      late.push_back(number);
    } else {
      tell(number);
    }
  }
  for (const auto number : late) tell(number);
  const auto points = read(noon, noon + 15min, 5s);
  ASSERT_EQ(points.size(), 180U);
  for (int number = 0; number < 180; ++number) {
    ASSERT_TRUE(points[static_cast<std::size_t>(number)]) << number;
    EXPECT_EQ(points[static_cast<std::size_t>(number)]->mean, number % 100) << number;
  }
  constexpr std::size_t series = 2;
  EXPECT_LT(series_->stats().open_bytes, series * 800) << "8 bytes a value would be 1,640 each";
  const auto before = run(series_->watches("brick", "notes", noon));
  seal_all();
  EXPECT_EQ(means(read(noon, noon + 15min, 5s)), means(points));
  EXPECT_EQ(run(series_->watches("brick", "notes", noon)), before);
}

TEST_F(SeriesTest, SamplesWithoutAnyValueTakeNoRoomAndHoldNothingUp) {
  tell(0);
  const auto before = series_->stats().open_bytes;
  const auto empty = std::make_shared<protocol::Sample>();
  const auto nameless = std::make_shared<protocol::Sample>();
  nameless->services = {{std::string(300, 'x'), true}};
  for (int i = 0; i < 200; ++i) {
    clock_.set_wall(time_of(1) + 1ms * i);
    series_->measured("brick", clock_.now(), empty);
    series_->measured("brick", clock_.now(), nameless);
  }
  EXPECT_EQ(series_->stats().open_bytes, before);
  tell_live(2, 60);
  EXPECT_LT(series_->stats().open_bytes, 2000U);
  EXPECT_EQ(count(noon, noon + 15min, 1min), 60);
}

TEST_F(SeriesTest, HostsAreKeptApart) {
  tell(1, "brick");
  tell(1, "slate");
  tell(2, "slate");
  clock_.set_wall(time_of(3));
  seal_all();
  EXPECT_EQ(count(noon, noon + 1min, 5s), 1);
  EXPECT_EQ(series_->stats().repeated, 0U);
}

TEST_F(SeriesTest, AServiceIsWatchedFromSampleToSample) {
  const auto watched = [&] { return run(series_->watches("brick", "notes", noon)); };
  const auto ms = [](int number) { return to_ms(time_of(number)); };
  using storage::FoundState;
  using storage::ServiceWatch;
  tell_live(60, 100);
  tell_live(160, 200);
  const std::vector<ServiceWatch> both{
      {"brick", "notes", ms(60), ms(100), FoundState::not_running},
      {"brick", "notes", ms(160), ms(200), FoundState::not_running}};
  EXPECT_EQ(watched(), both);
  seal_all();
  EXPECT_EQ(watched(), both) << "after sealing";
  // What was cut off comes late and closes the gap; it began when nobody watched.
  for (int number = 101; number < 130; ++number) tell(number);
  seal_all();
  for (int number = 130; number < 160; ++number) tell(number);
  const std::vector<ServiceWatch> whole{
      {"brick", "notes", ms(60), ms(200), FoundState::not_running}};
  EXPECT_EQ(watched(), whole);
  seal_all();
  EXPECT_EQ(watched(), whole);
  EXPECT_EQ(run(series_->watches("", "", noon)), whole);
  EXPECT_EQ(run(series_->watches("brick", "wiki", noon)), std::vector<ServiceWatch>{});
}

/// The log is emptied once everything in it is sealed.
TEST_F(SeriesTest, TheLogIsTrimmed) {
  tell_live(0, 100);
  run(series_->write_log());
  EXPECT_EQ(run(storage::SeriesStore{*database_}.logged_after(0)).size(), 101U);
  seal_all();
  EXPECT_EQ(run(storage::SeriesStore{*database_}.logged_after(0)).size(), 0U);
}

TEST_F(SeriesTest, ADamagedBlockIsAGapAndIsReplaced) {
  tell_live(0, 11);
  seal_all();
  run(database_->write([](storage::Connection& connection) {
    connection.run("UPDATE series_blocks SET data = x'0102030405'");
    connection.run("UPDATE series_hosts SET sealed = x'ff'");
    connection.run("INSERT INTO series_log (id, host, data) VALUES (999, 'brick', x'ff')");
  }));
  restart();
  EXPECT_EQ(count(noon, noon + 1h, 1min), 0);
  EXPECT_GE(series_->stats().damaged_blocks, 3U);
  tell_live(12, 23);
  seal_all();
  EXPECT_EQ(count(noon, noon + 1h, 1min), 12);
}

/// A host that tells of an old time again and again must not keep the log of all from being cut.
TEST_F(SeriesTest, ASpanThatIsNeverQuietIsSealedAllTheSame) {
  clock_.set_wall(noon + 3h);
  bool sealed = false;
  for (int number = 0; number < 170 && !sealed; ++number) {
    tell(number);
    clock_.advance(9s);
    sealed = run(series_->seal_some());
  }
  EXPECT_TRUE(sealed);
}

/// One host cannot fill the memory: invented names, and more samples than a host has.
TEST_F(SeriesTest, AHostThatInventsNamesIsBounded) {
  for (int round = 0; round < 40; ++round) {
    auto sample = std::make_shared<protocol::Sample>();
    sample->when.boot_id = "boot";
    sample->number = round + 1;
    for (int i = 0; i < 500; ++i) {
      protocol::DiskSample disk;
      disk.mount = "/mnt/" + std::to_string(round) + "/" + std::to_string(i);
      disk.used_bytes = i;
      sample->disks.push_back(disk);
    }
    series_->measured("brick", noon + 1s * round, sample);
  }
  EXPECT_LE(series_->stats().open_bytes, std::size_t{40} << 20U);
  EXPECT_GT(series_->stats().dropped_values, 0U);
  seal_all();
}

/// Somebody sets the clock two days ahead, and back.
TEST_F(SeriesTest, AClockThatWasWrongForAWhileLosesNothing) {
  tell_live(0, 11);
  clock_.set_wall(noon + 48h);
  seal_all();
  clock_.set_wall(noon + 1h);
  EXPECT_EQ(count(noon, noon + 15min, 15min), 12);
}

/// Names come from compose files and disks of others.
TEST_F(SeriesTest, StrangeNamesAreKeptOrLeftOutAndHarmNothing) {
  auto sample = std::make_shared<protocol::Sample>();
  sample->when.boot_id = "boot";
  sample->number = 1;
  for (const auto& mount : {std::string{"/mnt/x'; id; '"},
                            std::string{"../../x"},
                            std::string{"\xc3\xbc\xe2\x98\x83"},
                            std::string(300, 'n')}) {
    protocol::DiskSample disk;
    disk.mount = mount;
    disk.used_bytes = 7;
    sample->disks.push_back(disk);
  }
  series_->measured("x'; DROP TABLE series_blocks; --", noon, sample);
  seal_all();
  restart();
  for (const auto& mount : {"/mnt/x'; id; '", "../../x", "\xc3\xbc\xe2\x98\x83"}) {
    const auto points = read(noon,
                             noon + 5s,
                             5s,
                             {"", Metric::disk_used_bytes, mount},
                             "x'; DROP TABLE series_blocks; --");
    ASSERT_TRUE(points.at(0)) << mount;
    EXPECT_EQ(points.at(0)->mean, 7);
  }
}

}  // namespace
}  // namespace portoser::telemetry
