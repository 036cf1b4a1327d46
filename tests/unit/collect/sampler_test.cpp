#include "agent/collect/sampler.h"

#include "common/clock.h"
#include "common/error.h"
#include "tests/unit/collect/fixture_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <unistd.h>

namespace portoser::agent::collect {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

template <class Samples>
std::vector<std::string> interfaces_of(const Samples& samples) {
  std::vector<std::string> names;
  for (const auto& sample : samples) names.push_back(sample.interface);
  return names;
}

class SamplerTest : public testing::Test {
 protected:
  protocol::Sample next() {
    clock.advance(std::chrono::seconds{5});
    return sampler.sample();
  }

  FixtureTree tree{"v1"};
  ManualClock clock;
  Sampler sampler{clock, tree.paths()};
};

TEST_F(SamplerTest, TheFirstSampleHasValuesButNoRates) {
  const auto sample = sampler.sample();
  EXPECT_TRUE(sample.problems.empty());
  EXPECT_EQ(sample.when.boot_id, "5d0c1f52-7a0e-4c63-9a57-1f2d3c4b5a69");
  EXPECT_EQ(sample.when.uptime_ns, clock.uptime().count());
  EXPECT_EQ(sample.when.wall_us, to_unix_us(clock.now()));
  EXPECT_EQ(sample.boot_time_us, 1772612100000000);
  EXPECT_FALSE(sample.cpu.percent);
  EXPECT_TRUE(sample.cpu.core_percent.empty());
  EXPECT_EQ(sample.cpu.load_1, 0.20);
  ASSERT_TRUE(sample.memory);
  EXPECT_EQ(sample.memory->available_bytes, 5120000LL * 1024);
  EXPECT_EQ(sample.memory->swap_used_bytes, 1048574LL * 1024);
  EXPECT_THAT(interfaces_of(sample.networks), ElementsAre("enp2s0", "br-office"));
  EXPECT_EQ(sample.networks[0].receive_bytes, 134691298);
  EXPECT_FALSE(sample.networks[0].receive_bytes_per_second);
  EXPECT_TRUE(sample.containers.empty());
}

TEST_F(SamplerTest, PercentagesAreThoseSinceTheSampleBefore) {
  sampler.sample();
  // 100 ticks more in all: 25 of them user, 75 idle; all of the work on the second core.
  tree.edit("proc/stat",
            "cpu  10132153 290696 3084719 46828483",
            "cpu  10132178 290696 3084719 46828558");
  tree.edit(
      "proc/stat", "cpu0 5066076 145348 1542359 23414241", "cpu0 5066076 145348 1542359 23414291");
  tree.edit(
      "proc/stat", "cpu1 5066077 145348 1542360 23414242", "cpu1 5066102 145348 1542360 23414267");
  const auto sample = next();
  EXPECT_EQ(sample.cpu.percent, 25.0);
  EXPECT_THAT(sample.cpu.core_percent, ElementsAre(0.0, 50.0));
}

TEST_F(SamplerTest, ACoreThatCameOrWentLeavesTheListOfCoresEmpty) {
  sampler.sample();
  tree.edit("proc/stat", "cpu  10132153", "cpu  10132154");
  tree.edit("proc/stat", "cpu1 ", "cpu3 ");
  const auto sample = next();
  EXPECT_EQ(sample.cpu.percent, 100.0);
  EXPECT_TRUE(sample.cpu.core_percent.empty());
}

TEST_F(SamplerTest, RatesAreReckonedByTheClock) {
  sampler.sample();
  tree.edit("proc/net/dev", "134691298", "134691798");
  tree.edit("proc/net/dev", "152591", "152691");
  // The root is on the second partition: 2000000 sectors read, 1000000 written.
  tree.edit("proc/diskstats", "2000000", "2000100");
  tree.edit("proc/diskstats", "1000000", "1000050");
  const auto sample = next();
  EXPECT_EQ(sample.networks[0].receive_bytes_per_second, 100.0);
  EXPECT_EQ(sample.networks[0].transmit_bytes_per_second, 20.0);
  ASSERT_FALSE(sample.disks.empty());
  EXPECT_EQ(sample.disks[0].mount, "/");
  EXPECT_EQ(sample.disks[0].read_bytes_per_second, 100 * 512 / 5.0);
  EXPECT_EQ(sample.disks[0].write_bytes_per_second, 50 * 512 / 5.0);
}

TEST_F(SamplerTest, ACounterThatBeganAnewHasNoRateForThatSample) {
  sampler.sample();
  tree.edit("proc/net/dev", "134691298", "5");
  tree.edit("proc/diskstats", "2000000", "7");
  auto sample = next();
  EXPECT_EQ(sample.networks[0].receive_bytes, 5);
  EXPECT_FALSE(sample.networks[0].receive_bytes_per_second);
  EXPECT_FALSE(sample.networks[0].transmit_bytes_per_second);
  EXPECT_FALSE(sample.disks[0].read_bytes_per_second);
  EXPECT_EQ(sample.disks[0].write_bytes_per_second, 0.0);
  sample = next();
  EXPECT_EQ(sample.networks[0].receive_bytes_per_second, 0.0);
  EXPECT_EQ(sample.disks[0].read_bytes_per_second, 0.0);
}

TEST_F(SamplerTest, AnInterfaceThatIsNewHasNoRate) {
  sampler.sample();
  tree.edit("proc/net/dev", "br-office:", " wg0: 1 0 0 0 0 0 0 0 2 0 0 0 0 0 0 0\nbr-office:");
  const auto sample = next();
  EXPECT_THAT(interfaces_of(sample.networks), ElementsAre("enp2s0", "wg0", "br-office"));
  EXPECT_FALSE(sample.networks[1].receive_bytes_per_second);
  EXPECT_EQ(sample.networks[2].receive_bytes_per_second, 0.0);
}

TEST_F(SamplerTest, DisksAreThoseOfTheTreeAndSkipWhatIsNotThere) {
  // /boot/efi is in the mount table, but not in the kept tree: as if unmounted this moment.
  const auto before = sampler.sample();
  ASSERT_EQ(before.disks.size(), 1U);
  EXPECT_EQ(before.disks[0].mount, "/");
  EXPECT_EQ(before.disks[0].device, "/dev/nvme0n1p2");
  EXPECT_EQ(before.disks[0].file_system, "ext4");
  EXPECT_GT(before.disks[0].total_bytes, 0);
  EXPECT_LE(before.disks[0].used_bytes + before.disks[0].available_bytes,
            before.disks[0].total_bytes);
  EXPECT_TRUE(before.problems.empty());
  std::filesystem::create_directories(tree / "boot/efi");
  const auto after = next();
  ASSERT_EQ(after.disks.size(), 2U);
  EXPECT_EQ(after.disks[1].mount, "/boot/efi");
  EXPECT_EQ(after.disks[1].file_system, "vfat");
}

TEST_F(SamplerTest, WhatCannotBeReadIsUnknownAndNamedForAsLongAsItLasts) {
  sampler.sample();
  tree.write("proc/meminfo", "MemTotal: 8126464 kB\n");
  tree.write("proc/loadavg", "");
  tree.write("proc/net/dev", "");
  tree.write("proc/stat", "cpu  broken\n");
  for (int repeat = 0; repeat < 2; ++repeat) {
    const auto sample = next();
    EXPECT_FALSE(sample.memory);
    EXPECT_FALSE(sample.cpu.load_1);
    EXPECT_FALSE(sample.cpu.percent);
    EXPECT_TRUE(sample.networks.empty());
    std::vector<std::string> collectors;
    for (const auto& problem : sample.problems) collectors.push_back(problem.collector);
    EXPECT_THAT(collectors, ElementsAre("cpu", "cpu", "cpu", "memory", "network"));
  }
}

TEST_F(SamplerTest, AFailureOfTheProcessorsTimesMakesTheNextSampleAFirstOne) {
  sampler.sample();
  const auto stat =
      std::string{"cpu  10132153 290696 3084719 46828483 16683 0 25195 4000 175628 0\nbtime 1\n"};
  tree.write("proc/stat", "");
  next();
  tree.write("proc/stat", stat);
  EXPECT_FALSE(next().cpu.percent);
  tree.write("proc/stat",
             "cpu  10132253 290696 3084719 46828483 16683 0 25195 4000 175628 0\nbtime 1\n");
  EXPECT_EQ(next().cpu.percent, 100.0);
}

TEST(SamplerOfATree, MissingFilesAreProblemsNotFailures) {
  const FixtureTree tree{"v2"};
  const ManualClock clock;
  for (const auto* name : {"proc/stat",
                           "proc/loadavg",
                           "proc/meminfo",
                           "proc/diskstats",
                           "proc/net/dev",
                           "proc/self/mountinfo"}) {
    tree.remove(name);
  }
  Sampler sampler{clock, tree.paths()};
  const auto sample = sampler.sample();
  EXPECT_EQ(sample.boot_time_us, 0);
  EXPECT_FALSE(sample.memory);
  EXPECT_TRUE(sample.disks.empty());
  EXPECT_GE(sample.problems.size(), 6U);
  EXPECT_THAT(sample.problems[0].message, HasSubstr("No such file or directory"));
}

TEST(SamplerOfATree, NeedsABootId) {
  const FixtureTree tree{"v1"};
  const ManualClock clock;
  tree.remove("proc/sys/kernel/random/boot_id");
  EXPECT_THROW((Sampler{clock, tree.paths()}), Error);
}

TEST(SamplerOfThisMachine, AgreesWithTheSystem) {
  const SystemClock clock;
  Sampler sampler{clock};
  sampler.sample();
  const auto sample = sampler.sample();
  EXPECT_TRUE(sample.problems.empty()) << sample.problems.at(0).message;
  if (sample.cpu.percent) {
    EXPECT_GE(*sample.cpu.percent, 0.0);
    EXPECT_LE(*sample.cpu.percent, 100.0);
  }
  ASSERT_TRUE(sample.memory);
  EXPECT_EQ(sample.memory->total_bytes, ::sysconf(_SC_PHYS_PAGES) * ::sysconf(_SC_PAGESIZE));
  EXPECT_GT(sample.memory->available_bytes, 0);
  EXPECT_LE(sample.memory->available_bytes, sample.memory->total_bytes);
  EXPECT_EQ(sample.when.boot_id, boot_id());
  EXPECT_GT(sample.boot_time_us, 0);
  EXPECT_LT(sample.boot_time_us, sample.when.wall_us);
  for (const auto& disk : sample.disks) {
    EXPECT_GT(disk.total_bytes, 0) << disk.mount;
    EXPECT_GE(disk.used_bytes, 0) << disk.mount;
  }
}

}  // namespace
}  // namespace portoser::agent::collect
