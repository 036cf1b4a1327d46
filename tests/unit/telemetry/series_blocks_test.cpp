#include "controller/telemetry/series_blocks.h"

#include "common/error.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace portoser::telemetry {
namespace {

const SeriesKey host_cpu{"", Metric::cpu_percent, ""};
const SeriesKey notes_cpu{"notes", Metric::cpu_percent, ""};

class RandomBlocks {
 public:
  explicit RandomBlocks(unsigned seed) : random_(seed) {}

  /// Samples of the first hour, some of them without some values.
  RawBlock block(std::size_t samples) {
    RawBlock block;
    for (std::size_t i = 0; i < samples; ++i) {
      // Distinct times, so that there is one right order.
      block.times_ms.push_back(next_time_ += 1 + number(900));
    }
    for (const auto& service : {"", "notes", "wiki"}) {
      if (number(4) == 0) continue;
      SeriesColumn<std::int64_t> column{{service, Metric::memory_used_bytes, ""}, {}};
      for (std::size_t i = 0; i < samples; ++i) {
        column.values.push_back(number(5) == 0 ? no_value : 4096 * number(1000));
      }
      block.columns.push_back(std::move(column));
    }
    return block;
  }
  std::int64_t number(std::int64_t below) {
    return std::uniform_int_distribution<std::int64_t>{0, below - 1}(random_);
  }
  std::mt19937& random() { return random_; }

 private:
  std::mt19937 random_;
  std::int64_t next_time_ = 0;
};

BucketBlock empty_minutes() {
  BucketBlock block;
  block.step_ms = 60'000;
  block.buckets = 60;
  return block;
}

TEST(SeriesBlocks, BytesComeBack) {
  RandomBlocks random{1};
  for (int round = 0; round < 200; ++round) {
    const auto raw = random.block(static_cast<std::size_t>(random.number(60)));
    ASSERT_EQ(decode_raw(encode(raw)), raw);
    auto buckets = empty_minutes();
    buckets.add(raw);
    ASSERT_EQ(decode_buckets(encode(buckets)), buckets);
  }
}

/// Late samples come in any portions and any order.
TEST(SeriesBlocks, MergingInAnyOrderGivesTheSame) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    RandomBlocks random{seed};
    std::vector<RawBlock> parts;
    for (int i = 0; i < 6; ++i) parts.push_back(random.block(20));
    RawBlock in_order;
    auto minutes = empty_minutes();
    for (const auto& part : parts) {
      in_order.add(part);
      minutes.add(part);
    }
    std::shuffle(parts.begin(), parts.end(), random.random());
    RawBlock shuffled;
    auto shuffled_minutes = empty_minutes();
    for (const auto& part : parts) {
      shuffled.add(part);
      auto one = empty_minutes();
      one.add(part);
      shuffled_minutes.add(one);
    }
    ASSERT_EQ(shuffled, in_order) << "seed " << seed;
    ASSERT_EQ(shuffled_minutes, minutes) << "seed " << seed;
  }
}

TEST(SeriesBlocks, BucketsAgreeWithTheSamples) {
  RandomBlocks random{7};
  const auto raw = random.block(1000);
  auto minutes = empty_minutes();
  minutes.add(raw);
  for (const auto& column : raw.columns) {
    const auto* buckets = minutes.find(column.key);
    for (std::size_t minute = 0; minute < minutes.buckets; ++minute) {
      Bucket truth;
      for (std::size_t i = 0; i < column.values.size(); ++i) {
        if (column.values[i] == no_value) continue;
        if (raw.times_ms[i] / 60'000 == static_cast<std::int64_t>(minute)) {
          truth.add(column.values[i]);
        }
      }
      ASSERT_EQ(buckets == nullptr ? Bucket{} : (*buckets)[minute], truth) << minute;
    }
  }
}

TEST(SeriesBlocks, WhatLiesOutsideIsNotTaken) {
  RawBlock raw;
  raw.times_ms = {-1, 0, 3'599'999, 3'600'000};
  raw.columns = {{host_cpu, {1, 2, 3, 4}}};
  auto minutes = empty_minutes();
  minutes.add(raw);
  const auto& buckets = *minutes.find(host_cpu);
  EXPECT_EQ(buckets.front(), (Bucket{1, 2, 2, 2}));
  EXPECT_EQ(buckets.back(), (Bucket{1, 3, 3, 3}));
}

TEST(SeriesBlocks, OnlyTheWantedServiceIsDecoded) {
  RawBlock raw;
  raw.times_ms = {1, 2};
  raw.columns = {{host_cpu, {1, 2}}, {notes_cpu, {3, no_value}}};
  const auto bytes = encode(raw);
  const auto notes = decode_raw(bytes, "notes");
  ASSERT_EQ(notes.columns.size(), 1U);
  EXPECT_EQ(notes.columns[0].values, (std::vector<std::int64_t>{3, no_value}));
  EXPECT_EQ(decode_raw(bytes, "").columns.size(), 1U);
}

TEST(SeriesBlocks, SeriesThatBeginLaterHaveNothingBefore) {
  RawBlock block;
  block.times_ms = {10, 30};
  block.columns = {{host_cpu, {1, 3}}};
  RawBlock later;
  later.times_ms = {20};
  later.columns = {{notes_cpu, {2}}};
  block.add(later);
  EXPECT_EQ(block.times_ms, (std::vector<std::int64_t>{10, 20, 30}));
  EXPECT_EQ(*block.find(host_cpu), (std::vector<std::int64_t>{1, no_value, 3}));
  EXPECT_EQ(*block.find(notes_cpu), (std::vector<std::int64_t>{no_value, 2, no_value}));
}

TEST(SeriesBlocks, DamagedBytesAreRefusedOrWrongButHarmless) {
  RandomBlocks random{9};
  const auto raw = random.block(50);
  auto minutes = empty_minutes();
  minutes.add(raw);
  for (const auto& whole : {encode(raw), encode(minutes)}) {
    for (int round = 0; round < 3000; ++round) {
      auto bytes = whole;
      bytes[static_cast<std::size_t>(random.number(static_cast<std::int64_t>(bytes.size())))] =
          static_cast<char>(random.number(256));
      if (random.number(3) == 0) {
        bytes.resize(
            static_cast<std::size_t>(random.number(static_cast<std::int64_t>(bytes.size()))));
      }
      try {
        decode_raw(bytes);
      } catch (const Error& error) {
        EXPECT_EQ(error.reason(), "SERIES_DAMAGED");
      }
      try {
        decode_buckets(bytes);
      } catch (const Error& error) {
        EXPECT_EQ(error.reason(), "SERIES_DAMAGED");
      }
    }
  }
}

}  // namespace
}  // namespace portoser::telemetry
