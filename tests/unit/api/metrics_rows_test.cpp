#include "controller/api/metrics_rows.h"

#include "tests/unit/telemetry/played_host.h"

#include <gtest/gtest.h>

#include <limits>

namespace portoser::api {
namespace {

using namespace std::chrono_literals;
using telemetry::container;
using telemetry::full_sample;
using telemetry::noon;

class MetricsRows : public testing::Test {
 protected:
  MetricsRows() {
    live_.on_liveness("brick", fleet::Liveness::unknown, fleet::Liveness::online, noon);
  }
  [[nodiscard]] MachineMetricsRow brick(Time now = noon) const {
    return machine_metrics(telemetry::small_registry(), "brick", live_, now);
  }
  void measure(Time when, protocol::Sample sample) {
    live_.on_sample("brick", when, std::move(sample));
  }
  telemetry::Live live_;
};

TEST_F(MetricsRows, ShowEveryDisk) {
  measure(noon, full_sample(1));
  const auto row = brick();
  ASSERT_EQ(row.disks.size(), 2U);
  EXPECT_EQ(row.disks[0].mountpoint, "/");
  EXPECT_EQ(row.disks[0].device, "/dev/vda1");
  EXPECT_EQ(row.disks[0].fstype, "ext4");
  EXPECT_EQ(row.disks[0].used, 250);
  EXPECT_EQ(row.disks[0].available, 700);
  EXPECT_DOUBLE_EQ(*row.disks[0].percent, 25.0);
  EXPECT_DOUBLE_EQ(*row.disks[0].read, 11.0);
  EXPECT_EQ(row.disks[1].read, std::nullopt);
}

TEST_F(MetricsRows, ShowEveryInterfaceAndTheSum) {
  measure(noon, full_sample(1));
  const auto row = brick();
  ASSERT_EQ(row.networks.size(), 2U);
  EXPECT_EQ(row.networks[0].interface, "eth0");
  EXPECT_EQ(row.networks[0].rx_bytes, 100);
  EXPECT_EQ(row.networks[1].tx, std::nullopt);
  EXPECT_EQ(row.network_rx_bytes, 130);
  EXPECT_EQ(row.network_tx_bytes, 240);
}

TEST_F(MetricsRows, ShowNothingThatCannotBeTrue) {
  auto sample = full_sample(1);
  sample.cpu.percent = std::numeric_limits<double>::quiet_NaN();
  sample.memory->total_bytes = std::numeric_limits<std::int64_t>::min();
  sample.disks[0].total_bytes = std::numeric_limits<std::int64_t>::max();
  sample.networks.push_back(sample.networks[0]);
  for (auto& one : sample.networks) one.receive_bytes = std::int64_t{1} << 62U;
  sample.networks.push_back({"bad", std::numeric_limits<std::int64_t>::max(), 1, 1.0, 1.0});
  measure(noon, std::move(sample));
  const auto row = brick();
  EXPECT_EQ(row.status, "error");
  EXPECT_EQ(row.cpu_percent, std::nullopt);
  EXPECT_EQ(row.memory_total, std::nullopt);
  EXPECT_EQ(row.memory_used, std::nullopt);
  ASSERT_EQ(row.disks.size(), 1U);
  EXPECT_EQ(row.disk_total, 9000);
  EXPECT_EQ(row.networks.size(), 3U);
  EXPECT_EQ(row.network_rx_bytes, std::numeric_limits<std::int64_t>::max())
      << "a sum stays within its type";
}

TEST_F(MetricsRows, ShowSwap) {
  measure(noon, full_sample(1));
  EXPECT_EQ(brick().swap_used, 200);
  EXPECT_EQ(brick().swap_total, 800);
  EXPECT_DOUBLE_EQ(*brick().swap_percent, 25.0);
}

TEST_F(MetricsRows, AMachineWithoutSwapHasNoShareOfIt) {
  auto sample = full_sample(1);
  sample.memory->swap_total_bytes = sample.memory->swap_used_bytes = 0;
  measure(noon, std::move(sample));
  EXPECT_EQ(brick().swap_total, 0);
  EXPECT_EQ(brick().swap_percent, std::nullopt);
}

TEST_F(MetricsRows, ShowEveryTemperatureAndTheHighest) {
  measure(noon, full_sample(1));
  EXPECT_EQ(brick().temperature_celsius, std::nullopt) << "a host without sensors";
  auto sample = full_sample(2);
  sample.temperatures = {{"nvme Composite", 38.5}, {"coretemp Package id 0", 61}};
  measure(noon, std::move(sample));
  ASSERT_EQ(brick().temperatures.size(), 2U);
  EXPECT_EQ(brick().temperatures[0].sensor, "nvme Composite");
  EXPECT_DOUBLE_EQ(brick().temperatures[0].celsius, 38.5);
  EXPECT_EQ(brick().temperature_celsius, 61);
}

/// memory_used is in bytes and memory_mb in MiB; network_rx is a rate, network_rx_bytes a counter.
TEST_F(MetricsRows, EachNumberIsInTheUnitOfItsName) {
  constexpr std::int64_t mebi = 1 << 20;
  constexpr std::int64_t gibi = 1 << 30;
  live_.on_state("brick", noon, telemetry::state_of_notes("running", {"a"}));
  auto sample = full_sample(1);
  sample.memory = protocol::MemorySample{8 * gibi, 2 * gibi, 0, 0};
  sample.disks = {{"/", "/dev/vda1", "ext4", 60 * gibi, 3 * gibi, 57 * gibi, {}, {}}};
  sample.networks = {{"eth0", 100, 200, 1.0, 2.0}};
  sample.containers = {container("a", 4096)};
  sample.containers[0].memory_bytes = 384 * mebi;
  sample.containers[0].memory_limit_bytes = 1536 * mebi;
  measure(noon, std::move(sample));
  const auto row = brick();
  EXPECT_EQ(row.memory_used, 6 * gibi);
  EXPECT_EQ(row.memory_used_mb, 6 * 1024);
  EXPECT_EQ(row.memory_mb, row.memory_used_mb);
  EXPECT_EQ(row.memory_total, 8 * gibi);
  EXPECT_EQ(row.memory_total_mb, 8 * 1024);
  EXPECT_EQ(row.memory_percent, 75);
  EXPECT_EQ(row.disk_used, 3 * gibi);
  EXPECT_EQ(row.disk_used_gb, 3);
  EXPECT_EQ(row.disk_mb, 3 * 1024);
  EXPECT_EQ(row.disk_total, 60 * gibi);
  EXPECT_EQ(row.disk_total_gb, 60);
  EXPECT_EQ(row.disk_total_mb, 60 * 1024);
  EXPECT_EQ(row.disk_percent, 5);
  EXPECT_EQ(row.network_rx, 1.0);
  EXPECT_EQ(row.network_tx, 2.0);
  EXPECT_EQ(row.network_rx_bytes, 100);
  EXPECT_EQ(row.network_tx_bytes, 200);
  ASSERT_EQ(row.services.size(), 1U);
  EXPECT_EQ(row.services[0].memory_used, 384 * mebi);
  EXPECT_EQ(row.services[0].memory_mb, 384);
  EXPECT_EQ(row.services[0].memory_total, 1536 * mebi);
  EXPECT_EQ(row.services[0].memory_total_mb, 1536);
  EXPECT_EQ(row.services[0].memory_percent, 25);
}

TEST_F(MetricsRows, WhatIsUnknownIsNull) {
  auto sample = full_sample(1);
  sample.memory.reset();
  sample.networks.clear();
  sample.boot_time_us = 0;
  measure(noon, std::move(sample));
  const auto row = brick();
  EXPECT_EQ(row.boot_time, std::nullopt);
  EXPECT_EQ(row.swap_total, std::nullopt);
  EXPECT_EQ(row.network_rx_bytes, std::nullopt);
}

TEST_F(MetricsRows, AStoppedServiceKeepsItsLastRowMarkedStale) {
  live_.on_state("brick", noon, telemetry::state_of_notes("running", {"a"}));
  auto sample = full_sample(1);
  sample.containers = {container("a", 4096)};
  measure(noon, std::move(sample));
  ASSERT_EQ(brick().services.size(), 1U);
  EXPECT_FALSE(brick().services[0].stale);
  EXPECT_EQ(brick().services[0].block_read_bytes, 4096);
  EXPECT_EQ(brick().services[0].block_write_bytes, std::nullopt);

  live_.on_state("brick", noon + 1s, telemetry::state_of_notes("stopped", {}));
  measure(noon + 5s, full_sample(2));
  const auto row = brick(noon + 7s);
  ASSERT_EQ(row.services.size(), 1U);
  EXPECT_TRUE(row.services[0].stale);
  EXPECT_FALSE(row.stale);
  EXPECT_EQ(row.services[0].timestamp, noon);
  EXPECT_DOUBLE_EQ(row.services[0].age_seconds, 7.0);
  EXPECT_EQ(row.services[0].memory_used, 64);

  const auto metrics = service_metrics("notes", "brick", live_, noon + 7s, "1h");
  ASSERT_TRUE(metrics.current);
  EXPECT_TRUE(metrics.current->stale);
}

TEST_F(MetricsRows, AServiceThatWasNeverMeasuredHasNoRow) {
  live_.on_state("brick", noon, telemetry::state_of_notes("stopped", {}));
  measure(noon, full_sample(1));
  EXPECT_TRUE(brick().services.empty());
  EXPECT_FALSE(service_metrics("notes", "brick", live_, noon, "1h").current);
}

}  // namespace
}  // namespace portoser::api
