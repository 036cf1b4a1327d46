// Numbers that cannot be true, by way of everybody who shows or keeps them.
#include "controller/telemetry/plausible.h"

#include "controller/telemetry/fleet_families.h"
#include "controller/telemetry/outgoing_sample.h"
#include "controller/telemetry/sample_values.h"
#include "controller/telemetry/service_view.h"
#include "tests/support/exposition_parser.h"
#include "tests/unit/telemetry/played_host.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

namespace portoser::telemetry {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

constexpr auto not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr auto infinite = std::numeric_limits<double>::infinity();
constexpr auto largest = std::numeric_limits<std::int64_t>::max();
constexpr auto smallest = std::numeric_limits<std::int64_t>::min();

/// "brick" tells nothing but nonsense, of "notes" too.
protocol::Sample mad_sample() {
  auto sample = full_sample(5'000'000'000);
  sample.when.wall_us = smallest;
  sample.boot_time_us = largest;
  sample.cpu.percent = not_a_number;
  sample.cpu.core_percent = {not_a_number, 1e300};
  sample.cpu.load_1 = infinite;
  sample.cpu.load_5 = -1;
  sample.cpu.load_15 = 1e300;
  sample.memory = protocol::MemorySample{smallest, largest, smallest, largest};
  sample.disks = {{"/", "/dev/vda1", "ext4", largest, smallest, 1, 11.0, 22.0},
                  {"/srv", "/dev/vdb", "xfs", 9000, 4500, 4500, not_a_number, -infinite}};
  sample.networks = {{"eth0", largest, largest, 1.0, 2.0},
                     {"wlan0", smallest, 40, not_a_number, 1e300},
                     {"wlan1", 70, 80, not_a_number, 1e300}};
  sample.temperatures = {{"hot", 1e300}, {"none", not_a_number}, {"chip", 41.5}};
  for (const auto* id : {"a", "b"}) {
    protocol::ContainerSample one;
    one.id = id;
    one.cpu_percent = -infinite;
    one.memory_bytes = largest;
    one.memory_limit_bytes = largest;
    one.receive_bytes = largest;
    one.transmit_bytes = smallest;
    one.block_read_bytes = largest;
    one.block_write_bytes = std::int64_t{1} << 62U;  // as much as may be, twice
    one.per_second = protocol::ContainerRates{largest, smallest, largest, 5};
    one.services = {"notes"};
    sample.containers.push_back(std::move(one));
  }
  return sample;
}

class Listening : public LiveListener {
 public:
  void measured(const std::string& /*host*/,
                Time /*when*/,
                const std::shared_ptr<const protocol::Sample>& sample) override {
    samples.push_back(sample);
  }
  std::vector<std::shared_ptr<const protocol::Sample>> samples;
};

class Plausible : public testing::Test {
 protected:
  Plausible() {
    live_.add_listener(listening_);
    live_.on_liveness("brick", fleet::Liveness::unknown, fleet::Liveness::online, noon);
    live_.on_state("brick", noon, state_of_notes("running", {"a", "b"}));
    live_.on_sample("brick", noon, mad_sample());
    live_.on_sample("brick", noon + 5s, mad_sample());
    live_.on_late_sample("brick", noon - 5s, mad_sample());
  }
  Live live_;
  Listening listening_;
};

TEST_F(Plausible, ThePageHasNoneOfThem) {
  const auto registry = small_registry();
  Exposition out;
  const FleetReading fleet{registry, live_, live_.hosts(), noon + 5s};
  write_host_families(out, fleet, {});
  write_service_families(out, fleet, {});
  const auto page = out.take();
  EXPECT_NO_THROW(test::parse_exposition(page, test::ExpositionFormat::text));
  for (const auto* word : {"NaN", "nan", "Inf", "inf ", "e+", "} -", "9223372036854775807"}) {
    EXPECT_THAT(page, Not(HasSubstr(word)));
  }
  for (const auto* name : {"portoser_host_cpu_percent{",
                           "portoser_host_load1{",
                           "portoser_host_memory_total_bytes{",
                           "portoser_host_boot_time_seconds{",
                           "portoser_host_clock_offset_seconds{",
                           "portoser_filesystem_size_bytes{machine=\"brick\",device=\"/dev/vda1\"",
                           "device=\"eth0\"",
                           "device=\"wlan0\"",
                           "sensor=\"hot\"",
                           "portoser_service_cpu_percent{",
                           "portoser_service_memory_bytes{"}) {
    EXPECT_THAT(page, Not(HasSubstr(name)));
  }
  EXPECT_THAT(page,
              HasSubstr("portoser_host_temperature_celsius{machine=\"brick\",sensor=\"chip\"}"
                        " 41.5\n"));
  EXPECT_THAT(page, HasSubstr("mountpoint=\"/srv\",fstype=\"xfs\"} 9000\n"));
  EXPECT_THAT(
      page,
      HasSubstr("portoser_network_receive_bytes_total{machine=\"brick\",device=\"wlan1\"} 70\n"));
}

TEST_F(Plausible, AnotherStoreGetsNoneOfThem) {
  ASSERT_EQ(listening_.samples.size(), 3U) << "late ones too";
  for (const auto& sample : listening_.samples) {
    for (const auto& value : outgoing_values(*sample)) {
      const auto* name = info_of(value.family)->name.data();
      EXPECT_TRUE(std::isfinite(value.value)) << name;
      EXPECT_GE(value.value, 0) << name;
      EXPECT_LE(value.value, 9.3e18) << name;
      EXPECT_NE(value.family, OutgoingFamily::host_cpu_percent);
      EXPECT_NE(value.family, OutgoingFamily::host_memory_used_bytes);
      EXPECT_NE(value.family, OutgoingFamily::service_memory_bytes);
    }
  }
}

TEST_F(Plausible, SeriesGetNoneOfThem) {
  for (const auto& sample : listening_.samples) {
    for (const auto& value : values_of(*sample, nullptr)) {
      const auto number = static_cast<int>(value.metric);
      EXPECT_GE(value.value, 0) << number;
      EXPECT_LE(value.value, 400'000'000'000'000) << number;
      EXPECT_NE(value.metric, Metric::cpu_percent);
      EXPECT_FALSE(value.metric == Metric::memory_used_bytes && !value.service.empty());
    }
  }
}

TEST_F(Plausible, TheUseOfAServiceStaysWithinItsType) {
  const auto usage = usage_of("notes", *live_.host("brick"));
  ASSERT_TRUE(usage);
  EXPECT_EQ(usage->cpu_percent, std::nullopt);
  EXPECT_EQ(usage->memory_bytes, std::nullopt);
  EXPECT_EQ(usage->transmit_bytes, std::nullopt);
  EXPECT_EQ(usage->block_write_bytes, largest) << "the sum of two that may be";
  EXPECT_EQ(usage->receive_bytes_per_second, std::nullopt);
  EXPECT_EQ(usage->block_write_bytes_per_second, 10.0);
}

TEST_F(Plausible, AHostThatTellsNonsenseIsNotRead) {
  EXPECT_EQ(standing_of(live_.host("brick").get(), noon + 5s), HostStanding::failing);
}

TEST_F(Plausible, AnEngineCannotHaveBeenSilentForever) {
  auto state = state_of_notes("unknown", {});
  state.engine_available = false;
  state.engine_silent_ms = largest;
  live_.on_state("brick", noon + 6s, state);
  EXPECT_EQ(live_.host("brick")->engine_sign_at, noon) << "as far as was known before";
}

TEST(PlausibleSample, KeepsWhatIsOnlyUnusual) {
  auto sample = full_sample(1);
  sample.when.wall_us = 1;
  sample.cpu.percent = 100.4;
  sample.cpu.load_1 = 4000;
  sample.memory = protocol::MemorySample{0, 0, 0, 0};
  sample.disks[0].total_bytes = std::int64_t{100} << 50U;  // 100 PiB
  sample.disks[0].used_bytes = std::int64_t{101} << 50U;
  sample.networks[0].receive_bytes = std::int64_t{3} << 60U;
  sample.networks[0].receive_bytes_per_second = 1e12;
  sample.temperatures = {{"outside", -40}, {"furnace", 1500}};
  sample.containers = {container("a", 7)};
  sample.containers[0].per_second = protocol::ContainerRates{0, 1, std::nullopt, 2};
  sample.containers_left_out = 3;
  const auto before = sample;
  make_plausible(sample);
  EXPECT_EQ(sample, before);
}

}  // namespace
}  // namespace portoser::telemetry
