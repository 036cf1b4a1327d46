#include "controller/telemetry/sample_values.h"

#include "tests/unit/telemetry/played_host.h"

#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <vector>

namespace portoser::telemetry {
namespace {

constexpr std::int64_t second = 1'000'000'000;

std::optional<std::int64_t> find(const std::vector<SampleValue>& values,
                                 std::string_view service,
                                 Metric metric,
                                 std::string_view subject = {}) {
  for (const auto& value : values) {
    if (value.service == service && value.metric == metric && value.subject == subject) {
      return value.value;
    }
  }
  return std::nullopt;
}

protocol::ContainerSample of_notes(std::string id, std::int64_t received) {
  auto one = container(std::move(id), 0);
  one.receive_bytes = received;
  one.services = {"notes"};
  return one;
}

TEST(SampleValues, OfAHostAreInTheMetricsUnits) {
  const auto sample = full_sample(5 * second);
  const auto values = values_of(sample, nullptr);
  EXPECT_EQ(find(values, "", Metric::cpu_percent), 1250);
  EXPECT_EQ(find(values, "", Metric::load_1), 50);
  EXPECT_EQ(find(values, "", Metric::load_5), std::nullopt) << "unknown is no zero";
  EXPECT_EQ(find(values, "", Metric::memory_used_bytes), 3000);
  EXPECT_EQ(find(values, "", Metric::disk_used_bytes, "/"), 250);
  EXPECT_EQ(find(values, "", Metric::disk_used_bytes, "/srv \"big\""), 4500);
  EXPECT_EQ(find(values, "", Metric::receive_bytes_per_second), 1);
}

TEST(SampleValues, OfAServiceAreThoseOfItsContainersTogether) {
  auto before = full_sample(5 * second);
  before.containers = {of_notes("a", 1000), of_notes("b", 50)};
  auto after = full_sample(10 * second);
  after.containers = {of_notes("a", 2000), of_notes("b", 10), container("stranger", 0)};
  const auto values = values_of(after, &before);
  EXPECT_EQ(find(values, "notes", Metric::cpu_percent), 600);
  EXPECT_EQ(find(values, "notes", Metric::memory_used_bytes), 128);
  EXPECT_EQ(find(values, "notes", Metric::memory_total_bytes), 4000)
      << "without a limit the machine's memory";
  EXPECT_EQ(find(values, "notes", Metric::receive_bytes_per_second), 200)
      << "a counter that fell back counts for nothing";
}

TEST(SampleValues, AServiceOfWhichTheHostCannotTellHasNoValue) {
  auto sample = full_sample(5 * second);
  sample.services = {{"notes", true}, {"wiki", false}};
  const auto values = values_of(sample, nullptr);
  EXPECT_EQ(find(values, "notes", Metric::found), 1);
  EXPECT_EQ(find(values, "wiki", Metric::found), 0);
  EXPECT_EQ(find(values, "mail", Metric::found), std::nullopt);
}

TEST(SampleValues, ARateNeedsANeighbourOfTheSameBoot) {
  auto before = full_sample(5 * second);
  before.containers = {of_notes("a", 1000)};
  auto after = full_sample(100 * second);
  after.containers = {of_notes("a", 2000)};
  EXPECT_EQ(find(values_of(after, &before), "notes", Metric::receive_bytes_per_second),
            std::nullopt)
      << "too far apart";
  after.when.uptime_ns = 10 * second;
  after.when.boot_id = "another";
  EXPECT_EQ(find(values_of(after, &before), "notes", Metric::receive_bytes_per_second),
            std::nullopt);
}

/// Whatever came before it: late ones come in any order.
TEST(SampleValues, TheRatesThatTheHostTellsNeedNoNeighbour) {
  auto before = full_sample(5 * second);
  before.containers = {of_notes("a", 1000)};
  auto sample = full_sample(10 * second);
  sample.containers = {of_notes("a", 2000), of_notes("b", 0)};
  for (auto& one : sample.containers) {
    one.per_second = protocol::ContainerRates{7, 8, std::nullopt, 9};
  }
  for (const auto* neighbour : std::vector<const protocol::Sample*>{nullptr, &before}) {
    const auto values = values_of(sample, neighbour);
    EXPECT_EQ(find(values, "notes", Metric::receive_bytes_per_second), 14);
    EXPECT_EQ(find(values, "notes", Metric::transmit_bytes_per_second), 16);
    EXPECT_EQ(find(values, "notes", Metric::block_read_bytes_per_second), std::nullopt);
    EXPECT_EQ(find(values, "notes", Metric::block_write_bytes_per_second), 18);
  }
}

TEST(SampleValues, WhatIsNoNumberIsLeftOut) {
  auto sample = full_sample(5 * second);
  sample.cpu.percent = std::numeric_limits<double>::quiet_NaN();
  sample.cpu.load_1 = std::numeric_limits<double>::infinity();
  sample.disks[0].used_bytes = std::numeric_limits<std::int64_t>::max();
  const auto values = values_of(sample, nullptr);
  EXPECT_EQ(find(values, "", Metric::cpu_percent), std::nullopt);
  EXPECT_EQ(find(values, "", Metric::load_1), std::nullopt);
  EXPECT_EQ(find(values, "", Metric::disk_used_bytes, "/"), std::nullopt);
  EXPECT_EQ(find(values, "", Metric::disk_total_bytes, "/"), 1000);
}

}  // namespace
}  // namespace portoser::telemetry
