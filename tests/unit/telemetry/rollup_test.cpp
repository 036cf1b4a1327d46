// What minutes and quarters of an hour say of random samples, in whatever order they come.
#include "controller/telemetry/series.h"
#include "tests/unit/storage/storage_test.h"
#include "tests/unit/telemetry/played_host.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>

namespace portoser::telemetry {
namespace {

using namespace std::chrono_literals;

/// A sample and the controller's time of it.
struct Played {
  Time when;
  std::shared_ptr<const protocol::Sample> sample;
};

/// What a bucket of these values is.
struct Sums {
  double sum = 0;
  double min = std::numeric_limits<double>::infinity();
  double max = -std::numeric_limits<double>::infinity();
  std::int64_t count = 0;
  void add(double value) {
    sum += value;
    min = std::min(min, value);
    max = std::max(max, value);
    ++count;
  }
};

const std::vector<SeriesKey> keys{{"", Metric::cpu_percent, ""},
                                  {"", Metric::load_1, ""},
                                  {"", Metric::disk_used_bytes, "/"},
                                  {"notes", Metric::memory_used_bytes, ""},
                                  {"notes", Metric::receive_bytes_per_second, ""},
                                  {"notes", Metric::transmit_bytes_per_second, ""},
                                  {"notes", Metric::block_read_bytes_per_second, ""},
                                  {"notes", Metric::block_write_bytes_per_second, ""},
                                  {"notes", Metric::found, ""}};

class Rollups : public storage::StorageTest, public testing::WithParamInterface<unsigned> {
 protected:
  Rollups() { clock_.set_wall(noon + 100min); }

  void begin() {
    open();
    series_.emplace(*database_, clock_);
    run(series_->start());
    run(series_->restore());
  }
  void end() {
    series_.reset();
    close();
  }
  void tell(const Played& one) { series_->measured("brick", one.when, one.sample); }
  void seal_all() {
    run(series_->write_log());
    while (run(series_->seal_some(true))) {
    }
  }
  std::vector<std::vector<std::optional<SeriesPoint>>> read(std::chrono::milliseconds step) {
    SeriesQuery query;
    query.host = "brick";
    query.keys = keys;
    query.from = noon;
    query.to = noon + 90min;
    query.step = step;
    return run(series_->read(query)).points;
  }

  int random(int below) { return std::uniform_int_distribution<int>{0, below - 1}(random_); }
  /// 90 minutes of a host whose values are random, with gaps and with values missing. So few that,
  /// shuffled, all of their numbers are remembered: what comes again is known.
  std::vector<Played> random_host() {
    std::vector<Played> all;
    std::int64_t received = 0;
    std::int64_t written = 0;
    auto when = noon;
    for (std::int64_t number = 1;; ++number) {
      when += random(200) == 0 ? 1s * random(600) : 1ms * (6000 + random(4000));
      if (when >= noon + 90min) break;
      auto sample = std::make_shared<protocol::Sample>();
      sample->when.boot_id = "boot";
      sample->when.uptime_ns = std::chrono::nanoseconds{when - noon}.count() + 1;
      sample->number = number;
      if (random(10) != 0) sample->cpu.percent = random(10001) / 100.0;
      if (random(10) != 0) sample->cpu.load_1 = random(500) / 100.0;
      protocol::DiskSample disk;
      disk.mount = "/";
      disk.total_bytes = 1'000'000'000'000;
      disk.used_bytes = std::int64_t{random(1'000'000)} * 1'000'000;
      if (random(10) != 0) sample->disks = {disk};
      const auto more_received = random(1'000'000);
      const auto more_written = random(100);
      received = random(100) == 0 ? 0 : received + more_received;
      written += more_written;
      protocol::ContainerSample one;
      one.id = "a";
      one.memory_bytes = random(1 << 30);
      one.receive_bytes = received;
      one.block_write_bytes = written;
      one.services = {"notes"};
      one.per_second = protocol::ContainerRates{};
      if (received != 0) one.per_second->receive = more_received / 5;
      one.per_second->block_write = more_written / 5;
      if (random(20) != 0) sample->containers = {one};
      sample->services = {{"notes", random(2) == 0}};
      all.push_back({when, std::move(sample)});
    }
    return all;
  }

  std::mt19937 random_{GetParam()};
  std::optional<Series> series_;
};

/// By key; the values as they were told, rounded as series round them.
std::vector<std::map<std::int64_t, Sums>> expected(const std::vector<Played>& host,
                                                   std::chrono::milliseconds step) {
  std::vector<std::map<std::int64_t, Sums>> all(keys.size());
  for (const auto& [when, sample] : host) {
    const auto place = (when - noon) / step;
    const auto add = [&](std::size_t key, std::optional<double> value) {
      if (!value) return;
      const auto scale = static_cast<double>(scale_of(keys[key].metric));
      all[key][place].add(std::round(*value * scale) / scale);
    };
    add(0, sample->cpu.percent);
    add(1, sample->cpu.load_1);
    if (!sample->disks.empty()) add(2, static_cast<double>(sample->disks[0].used_bytes));
    if (!sample->containers.empty()) {
      const auto& one = sample->containers[0];
      add(3, static_cast<double>(*one.memory_bytes));
      if (one.per_second->receive) add(4, static_cast<double>(*one.per_second->receive));
      add(7, static_cast<double>(*one.per_second->block_write));
    }
    add(8, sample->services[0].up ? 1 : 0);
  }
  return all;
}

TEST_P(Rollups, AgreeWithTheSamplesInWhateverOrderTheyCome) {
  const auto host = random_host();
  auto shuffled = host;
  std::shuffle(shuffled.begin(), shuffled.end(), random_);
  begin();
  for (const auto& one : shuffled) {
    tell(one);
    if (random(20) == 0) tell(shuffled[static_cast<std::size_t>(random(100))]);  // twice
    if (random(100) == 0) seal_all();
    if (random(300) == 0) {
      run(series_->write_log());
      end();
      begin();
    }
  }
  for (const auto& one : shuffled) tell(one);  // again, all of them
  for (const bool is_sealed : {false, true}) {
    if (is_sealed) seal_all();
    // Read from each tier: the raw one, minutes, quarters.
    for (const std::chrono::milliseconds step : {30'000ms, 60'000ms, 900'000ms}) {
      const auto wanted = expected(host, step);
      const auto told = read(step);
      for (std::size_t key = 0; key < keys.size(); ++key) {
        std::size_t buckets = 0;
        for (std::size_t place = 0; place < told[key].size(); ++place) {
          const auto& point = told[key][place];
          const auto found = wanted[key].find(static_cast<std::int64_t>(place));
          ASSERT_EQ(point.has_value(), found != wanted[key].end())
              << "key " << key << ", step " << step.count() << ", place " << place;
          if (!point) continue;
          ++buckets;
          const auto& sums = found->second;
          EXPECT_EQ(point->count, sums.count) << key;
          EXPECT_DOUBLE_EQ(point->min, sums.min) << key;
          EXPECT_DOUBLE_EQ(point->max, sums.max) << key;
          const auto mean = sums.sum / static_cast<double>(sums.count);
          EXPECT_NEAR(point->mean, mean, std::max(std::abs(mean), 1.0) * 1e-9) << key;
        }
        EXPECT_EQ(buckets, wanted[key].size()) << "key " << key << ", step " << step.count();
      }
      EXPECT_GT(wanted[4].size(), 0U);
      EXPECT_EQ(wanted[5].size(), 0U) << "what nobody told is no zero";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Rollups, testing::Range(1U, 9U));

}  // namespace
}  // namespace portoser::telemetry
