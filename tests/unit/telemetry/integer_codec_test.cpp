#include "controller/telemetry/integer_codec.h"

#include "common/error.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace portoser::telemetry {
namespace {

std::vector<std::int64_t> back(const std::vector<std::int64_t>& values) {
  ByteWriter out;
  out.integers(values);
  const auto bytes = out.take();
  ByteReader in{bytes};
  auto read = in.integers(values.size());
  EXPECT_TRUE(in.at_end());
  return read;
}

std::size_t size_of(const std::vector<std::int64_t>& values) {
  ByteWriter out;
  out.integers(values);
  return out.bytes().size();
}

TEST(IntegerCodec, EveryListComesBack) {
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  constexpr auto least = std::numeric_limits<std::int64_t>::min();
  const std::vector<std::vector<std::int64_t>> lists{
      {},
      {0},
      {least},
      {7, 7, 7, 7},
      {least, most, least, 0, most},
      {0, 4096, 8192, 4096, 0},
      {1'700'000'000'000, 1'700'000'005'000, 1'700'000'010'001},
      {-1, -2, -3, 1'000'000'000'000'000, -4}};
  for (const auto& list : lists) EXPECT_EQ(back(list), list);
}

TEST(IntegerCodec, RandomListsOfAnySizeComeBack) {
  std::mt19937_64 random{20261129};
  for (int round = 0; round < 500; ++round) {
    const auto bits = std::uniform_int_distribution<int>{1, 63}(random);
    std::uniform_int_distribution<std::int64_t> value{-(std::int64_t{1} << (bits - 1)),
                                                      (std::int64_t{1} << (bits - 1)) - 1};
    std::vector<std::int64_t> list(std::uniform_int_distribution<std::size_t>{0, 300}(random));
    for (auto& one : list) one = value(random);
    ASSERT_EQ(back(list), list) << "round " << round << ", " << bits << " bits";
  }
}

TEST(IntegerCodec, WhatDoesNotChangeCostsNothingWorthMention) {
  EXPECT_LE(size_of(std::vector<std::int64_t>(180, 16'000'000'000)), 8U);
}

/// What a machine shows: a load that wanders by hundredths, memory in pages.
TEST(IntegerCodec, OrdinarySeriesTakeAByteAValueOrLess) {
  std::mt19937_64 random{1};
  std::normal_distribution<double> step{0, 12};
  std::vector<std::int64_t> load;
  std::vector<std::int64_t> memory;
  double at = 150;
  std::int64_t pages = 2'000'000;
  for (int i = 0; i < 180; ++i) {
    at += step(random);
    load.push_back(static_cast<std::int64_t>(at));
    pages += static_cast<std::int64_t>(step(random));
    memory.push_back(pages * 4096);
  }
  EXPECT_LE(size_of(load), 180U);
  EXPECT_LE(size_of(memory), 180U);
}

TEST(IntegerCodec, DamagedBytesAreRefusedOrWrongButHarmless) {
  std::mt19937_64 random{2};
  ByteWriter out;
  std::vector<std::int64_t> list(100);
  for (auto& one : list) one = static_cast<std::int64_t>(random() % 5000);
  out.integers(list);
  const auto whole = out.take();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto part = whole.substr(0, size);
    ByteReader in{part};
    EXPECT_THROW(in.integers(list.size()), Error) << "at byte " << size;
  }
  for (int round = 0; round < 2000; ++round) {
    auto bytes = whole;
    bytes[random() % bytes.size()] = static_cast<char>(random());
    ByteReader in{bytes};
    try {
      EXPECT_EQ(in.integers(list.size()).size(), list.size());
    } catch (const Error& error) {
      EXPECT_EQ(error.reason(), "SERIES_DAMAGED");
    }
  }
}

}  // namespace
}  // namespace portoser::telemetry
