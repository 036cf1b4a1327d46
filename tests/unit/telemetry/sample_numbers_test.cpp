#include "controller/telemetry/sample_numbers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace portoser::telemetry {
namespace {

TEST(SampleNumbers, KnowsWhatWasAddedInAnyOrder) {
  std::mt19937 random{3};
  for (int round = 0; round < 100; ++round) {
    SampleNumbers numbers;
    std::set<int> truth;
    for (int i = 0; i < 300; ++i) {
      const int number = std::uniform_int_distribution<int>{1, 120}(random);
      ASSERT_EQ(numbers.add("boot", number), truth.insert(number).second) << number;
    }
    for (int number = 0; number <= 121; ++number) {
      ASSERT_EQ(numbers.contains("boot", number), truth.contains(number)) << number;
    }
  }
}

TEST(SampleNumbers, AreTheSameInWhateverOrderTheyWereAdded) {
  std::vector<int> order{1, 2, 3, 7, 8, 12};
  SampleNumbers first;
  for (const int number : order) first.add("boot", number);
  do {
    SampleNumbers other;
    for (const int number : order) other.add("boot", number);
    ASSERT_EQ(other, first);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(SampleNumbers, ADayInARowIsSomeBytes) {
  SampleNumbers numbers;
  for (int i = 0; i < 17'280; ++i) numbers.add("0f14e45f-ceea-467f-a0e6-1d3b2c4d5e6f", 3600 + i);
  EXPECT_LE(numbers.encode().size(), 64U);
}

TEST(SampleNumbers, BootsAreKeptApart) {
  SampleNumbers numbers;
  numbers.add("one", 5);
  EXPECT_FALSE(numbers.contains("other", 5));
  EXPECT_TRUE(numbers.add("other", 5));
}

TEST(SampleNumbers, BytesComeBack) {
  SampleNumbers numbers;
  for (const int number : {4, 5, 6, 90, -3}) numbers.add("one", number);
  numbers.add("other", 1);
  EXPECT_EQ(SampleNumbers::decode(numbers.encode()), numbers);
}

TEST(SampleNumbers, AreBounded) {
  SampleNumbers numbers;
  for (int boot = 0; boot < 50; ++boot) {
    for (int i = 0; i < 2000; ++i) numbers.add("boot " + std::to_string(boot), 2 * i);
  }
  EXPECT_LE(numbers.encode().size(), 20'000U);
  EXPECT_TRUE(numbers.contains("boot 49", 3998)) << "the newest stay";
}

TEST(SampleNumbers, ThoseOfAnotherSetJoin) {
  SampleNumbers numbers;
  numbers.add("boot", 1);
  numbers.add("boot", 3);
  SampleNumbers other;
  other.add("boot", 2);
  other.add("later", 9);
  numbers.add(other);
  SampleNumbers expected;
  for (const int number : {1, 2, 3}) expected.add("boot", number);
  expected.add("later", 9);
  EXPECT_EQ(numbers, expected);
}

}  // namespace
}  // namespace portoser::telemetry
