#include "agent/collect/cgroup.h"
#include "agent/collect/cpu.h"
#include "agent/collect/disk.h"
#include "agent/collect/load.h"
#include "agent/collect/memory.h"
#include "agent/collect/mounts.h"
#include "agent/collect/network.h"
#include "agent/collect/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portoser::agent::collect {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::Optional;

TEST(CollectText, LeavesOutALineThatWasCutShort) {
  std::string_view text = "one\n\ntwo";
  EXPECT_THAT(next_line(text), Optional(std::string_view{"one"}));
  EXPECT_THAT(next_line(text), Optional(std::string_view{""}));
  EXPECT_FALSE(next_line(text));
}

TEST(CollectText, CountsAreWholeWordsOfDigits) {
  EXPECT_EQ(to_count("9223372036854775807"), 9223372036854775807);
  for (const auto* word : {"", "-1", "+1", "1x", "x", "9223372036854775808", " 1", "0x10"}) {
    EXPECT_FALSE(to_count(word)) << word;
  }
}

TEST(CollectText, FindsAKeyThatIsAWholeWord) {
  EXPECT_EQ(find_count("total_inactive_file 1\ninactive_file 2\n", "inactive_file"), 2);
  EXPECT_FALSE(find_count("inactive_file_x 1\ninactive_file\n", "inactive_file"));
  EXPECT_FALSE(find_count("inactive_file 12", "inactive_file"));
}

TEST(CollectText, ACounterThatWentBackHasNoRate) {
  EXPECT_EQ(per_second(100, 300, 4.0), 50.0);
  EXPECT_FALSE(per_second(300, 100, 4.0));
  EXPECT_FALSE(per_second(100, 300, 0.0));
}

TEST(CollectCpu, ReadsTicksCoresAndBootTime) {
  CpuStat stat;
  ASSERT_TRUE(
      parse_stat("cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 8 0 0\n"
                 "cpu2 1 2 3 4\nintr 5 5\nbtime 1772612100\n",
                 stat));
  EXPECT_THAT(stat.all, ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
  ASSERT_EQ(stat.cores.size(), 2U);
  EXPECT_EQ(stat.cores[1].number, 2);
  EXPECT_THAT(stat.cores[1].ticks, ElementsAre(1, 2, 3, 4, 0, 0, 0, 0));
  EXPECT_EQ(stat.boot_time_s, 1772612100);
}

TEST(CollectCpu, RefusesWhatIsNotTheProcessorsTimes) {
  CpuStat stat;
  for (const auto* text : {"",
                           "cpu",
                           "cpu  1 2 3 4",
                           "cpu  1 2 3\n",
                           "cpu  1 2 x 4\n",
                           "cpu0 1 2 3 4\n",
                           "intr 1\ncpu  1 2 3 4\n"}) {
    EXPECT_FALSE(parse_stat(text, stat)) << text;
  }
}

struct CpuCase {
  const char* name;
  CpuTicks now;  ///< before: 100 of each
  std::optional<double> percent;

  friend std::ostream& operator<<(std::ostream& out, const CpuCase& one) { return out << one.name; }
};

class CollectCpuPercent : public testing::TestWithParam<CpuCase> {};

TEST_P(CollectCpuPercent, IsBusyTimeOfAllTime) {
  CpuTicks before{};
  before.fill(100);
  EXPECT_EQ(busy_percent(before, GetParam().now), GetParam().percent);
}

INSTANTIATE_TEST_SUITE_P(
    Cases,
    CollectCpuPercent,
    testing::Values(CpuCase{"Half", {125, 125, 100, 150, 100, 100, 100, 100}, 50.0},
                    CpuCase{"IowaitIsUnused", {100, 100, 125, 100, 175, 100, 100, 100}, 25.0},
                    CpuCase{"StolenIsUsed", {100, 100, 100, 150, 100, 100, 100, 150}, 50.0},
                    CpuCase{"AllUsed", {100, 100, 100, 100, 100, 110, 110, 100}, 100.0},
                    CpuCase{"AllIdle", {100, 100, 100, 999, 100, 100, 100, 100}, 0.0},
                    CpuCase{"IowaitWentBack", {110, 100, 100, 110, 50, 100, 100, 100}, 50.0},
                    CpuCase{
                        "NoTickPassed", {100, 100, 100, 100, 100, 100, 100, 100}, std::nullopt}),
    [](const auto& one) { return one.param.name; });

TEST(CollectLoad, ReadsThreeAverages) {
  EXPECT_THAT(parse_loadavg("0.20 10.18 0.12 1/80 11206\n"),
              Optional(ElementsAre(
                  DoubleNear(0.2, 1e-9), DoubleNear(10.18, 1e-9), DoubleNear(0.12, 1e-9))));
  for (const auto* text :
       {"", "0.20 0.18\n", "0.20 0.18 0.12 1/80 11206", "a b c\n", "-1 0 0\n", "nan inf 0\n"}) {
    EXPECT_FALSE(parse_loadavg(text)) << text;
  }
}

TEST(CollectMemory, ReadsMemoryAndSwap) {
  const auto memory = parse_meminfo(
      "MemTotal:        1000 kB\nMemFree: 1 kB\nMemAvailable:   400 kB\nSwapTotal:  100 kB\n"
      "SwapFree:  30 kB\n");
  ASSERT_TRUE(memory);
  EXPECT_EQ(memory->total_bytes, 1024000);
  EXPECT_EQ(memory->available_bytes, 409600);
  EXPECT_EQ(memory->swap_total_bytes, 102400);
  EXPECT_EQ(memory->swap_used_bytes, 71680);
}

TEST(CollectMemory, IsUnknownWithoutTotalOrAvailable) {
  for (const auto* text : {"",
                           "MemTotal: 1000 kB\n",
                           "MemTotal: 1000 kB\nMemAvailable: 400 kB",
                           "MemTotal: x kB\nMemAvailable: 400 kB\n",
                           "MemTotal: 1000\nMemAvailable: 400 kB\n",
                           "MemTotal: 9223372036854775807 kB\nMemAvailable: 400 kB\n"}) {
    EXPECT_FALSE(parse_meminfo(text)) << text;
  }
}

constexpr std::string_view interface_header =
    "Inter-|   Receive  |  Transmit\n face |bytes packets errs|bytes\n";

TEST(CollectNetwork, ReadsInterfacesWithAndWithoutABlankBehindTheColon) {
  std::vector<InterfaceCounters> out;
  const auto text = std::string{interface_header} +
                    "  eth0: 100 2 3 4 5 6 7 8 900 10 0 0 0 0 0 0\n"
                    "wlan0:5 0 0 0 0 0 0 0 6 0 0 0 0 0 0 0\n"
                    "bad0: 5 0 0 0\n"
                    "cut0: 5 0 0 0 0 0 0 0 61";
  ASSERT_TRUE(parse_interfaces(text, out));
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(out[0].name, "eth0");
  EXPECT_EQ(out[0].receive_bytes, 100);
  EXPECT_EQ(out[0].transmit_bytes, 900);
  EXPECT_EQ(out[1].name, "wlan0");
  EXPECT_EQ(out[1].receive_bytes, 5);
  EXPECT_EQ(out[1].transmit_bytes, 6);
}

TEST(CollectNetwork, RefusesATextWithoutItsHeader) {
  std::vector<InterfaceCounters> out;
  EXPECT_FALSE(parse_interfaces("", out));
  EXPECT_FALSE(parse_interfaces("Inter-|\n", out));
  EXPECT_FALSE(parse_interfaces("eth0: 1 2\neth0: 1 2\n", out));
}

TEST(CollectNetwork, KnowsTheInterfacesOfContainers) {
  for (const auto* name : {"lo", "veth1a2b3c4", "docker0", "docker_gwbridge", "br-0123456789ab"}) {
    EXPECT_TRUE(is_internal_interface(name)) << name;
  }
  for (const auto* name : {"eth0",
                           "enp2s0",
                           "br0",
                           "br-office",
                           "br-0123456789AB",
                           "br-0123456789abc",
                           "wg0",
                           "lo1",
                           "bond0.12"}) {
    EXPECT_FALSE(is_internal_interface(name)) << name;
  }
}

TEST(CollectDisk, ReadsSectorsOfEveryDevice) {
  std::vector<DiskCounters> out;
  parse_diskstats(
      " 259       0 nvme0n1 9 8 100 7 6 5 200 4 0 3 2\n 8 1 sda1 1 2 3\n x 1 sdb 1 2 3 4 5 6 7 8\n"
      "   8      16 sdc 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n8 17 cut 1 2 3 4 5 6 7",
      out);
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(out[0].device.major, 259U);
  EXPECT_EQ(out[0].read_bytes, 51200);
  EXPECT_EQ(out[0].written_bytes, 102400);
  EXPECT_EQ(out[1].device.minor, 16U);
  EXPECT_EQ(out[1].read_bytes, 1536);
  EXPECT_EQ(out[1].written_bytes, 3584);
}

TEST(CollectMounts, ReadsALineWithAnyNumberOfOptionalFields) {
  for (const auto* optional : {"", "shared:1 ", "shared:1 master:2 propagate_from:3 "}) {
    const auto mount = parse_mount(std::string{"36 35 98:12 /sub /mnt rw,noatime "} + optional +
                                   "- ext3 /dev/root rw,errors=continue");
    ASSERT_TRUE(mount) << optional;
    EXPECT_EQ(mount->device.major, 98U);
    EXPECT_EQ(mount->device.minor, 12U);
    EXPECT_EQ(mount->root, "/sub");
    EXPECT_EQ(mount->mount_point, "/mnt");
    EXPECT_EQ(mount->type, "ext3");
    EXPECT_EQ(mount->source, "/dev/root");
  }
}

TEST(CollectMounts, DecodesOctalEscapes) {
  const auto mount =
      parse_mount(R"(36 35 98:0 / /mnt/my\040disk\011\134\043 rw - ext4 /dev/disk\040a rw)");
  ASSERT_TRUE(mount);
  EXPECT_EQ(mount->mount_point, "/mnt/my disk\t\\#");
  EXPECT_EQ(mount->source, "/dev/disk a");
  EXPECT_EQ(parse_mount(R"(36 35 98:0 / /a\0 rw - ext4 x rw)")->mount_point, R"(/a\0)");
  EXPECT_EQ(parse_mount(R"(36 35 98:0 / /a\999 rw - ext4 x rw)")->mount_point, R"(/a\999)");
}

TEST(CollectMounts, TakesAnEmptySource) {
  const auto mount = parse_mount("36 35 0:12 / /mnt rw -  tmpfs rw");
  EXPECT_FALSE(mount);  // an empty type is not a mount
  const auto without_source = parse_mount("36 35 0:12 / /mnt rw - tmpfs  rw");
  ASSERT_TRUE(without_source);
  EXPECT_EQ(without_source->source, "");
}

TEST(CollectMounts, RefusesOddLines) {
  for (const auto* line : {"",
                           "36",
                           "36 35 98 / /mnt rw - ext3 x rw",
                           "36 35 98:0 / /mnt rw ext3 x rw",
                           "36 35 98:0 / mnt rw - ext3 x rw",
                           "36 35 4294967296:0 / /mnt rw - ext3 x rw",
                           "36 35 98:0 / /mnt rw -"}) {
    EXPECT_FALSE(parse_mount(line)) << line;
  }
}

/// Mount points of the disks among lines "device mount-point type".
std::vector<std::string> disk_points(
    const std::vector<std::tuple<std::string, std::string, std::string>>& lines) {
  std::string text;
  for (const auto& [device, point, type] : lines) {
    text += "36 35 " + device + " / " + point + " rw - " + type + " source rw\n";
  }
  std::vector<std::string> points;
  for (const auto& disk : disks_of(parse_mounts(text))) points.push_back(disk.mount_point);
  return points;
}

TEST(CollectMounts, KeepsOnlyFileSystemsOnDisks) {
  EXPECT_THAT(disk_points({{"8:1", "/", "ext4"},
                           {"0:5", "/run", "tmpfs"},
                           {"0:6", "/proc", "proc"},
                           {"0:7", "/var/lib/docker/overlay2/x/merged", "overlay"},
                           {"7:1", "/snap/core/1", "squashfs"},
                           {"0:8", "/sys/fs/cgroup", "cgroup2"},
                           {"8:2", "/data", "xfs"},
                           {"0:9", "/pool", "zfs"}}),
              ElementsAre("/", "/data", "/pool"));
}

TEST(CollectMounts, KeepsEachDeviceOnceUnderItsShortestPath) {
  EXPECT_THAT(disk_points({{"8:1", "/var/lib/docker/volumes", "ext4"},
                           {"8:1", "/", "ext4"},
                           {"8:1", "/srv", "ext4"},
                           {"8:2", "/data", "ext4"},
                           {"8:2", "/other", "ext4"}}),
              ElementsAre("/", "/data"));
}

TEST(CollectMounts, LeavesOutWhatCouldHang) {
  EXPECT_THAT(disk_points({{"8:1", "/", "ext4"},
                           {"0:50", "/mnt/nas", "nfs4"},
                           {"0:51", "/mnt/ssh", "fuse.sshfs"},
                           {"8:2", "/mnt/nas/disk", "ext4"},
                           {"8:3", "/mnt/nasty", "ext4"}}),
              ElementsAre("/", "/mnt/nasty"));
}

TEST(CollectMounts, LeavesOutWhatALaterMountHides) {
  EXPECT_THAT(disk_points({{"8:1", "/", "ext4"},
                           {"8:2", "/data", "ext4"},
                           {"8:2", "/data/part", "ext4"},
                           {"0:60", "/data", "nfs"}}),
              ElementsAre("/"));
}

TEST(CollectCgroup, SumsTheDevicesOfBothVersions) {
  const auto v1 = parse_blkio("8:0 Read 10\n8:0 Write 20\n8:0 Total 30\n8:16 Read 1\nTotal 31\n");
  ASSERT_TRUE(v1);
  EXPECT_EQ(v1->read, 11);
  EXPECT_EQ(v1->written, 20);
  const auto v2 =
      parse_io_stat("8:0 rbytes=10 wbytes=20 rios=9\n8:16 8:32 rbytes=1 wbytes=0\n7:0 \n");
  ASSERT_TRUE(v2);
  EXPECT_EQ(v2->read, 11);
  EXPECT_EQ(v2->written, 20);
  EXPECT_EQ(parse_io_stat("")->read, 0);
  EXPECT_FALSE(parse_blkio("8:0 Read x\n"));
  EXPECT_FALSE(parse_io_stat("8:0 rbytes=\n"));
}

TEST(CollectCgroup, ReadsTheFilesOfBothVersions) {
  EXPECT_EQ(parse_number("123\n"), 123);
  EXPECT_FALSE(parse_number("123"));
  EXPECT_FALSE(parse_number("max\n"));
  EXPECT_EQ(parse_cpu_stat("usage_usec 7\nuser_usec 1\n"), 7000);
  EXPECT_FALSE(parse_cpu_stat("user_usec 1\n"));
  const std::string_view stat = "inactive_file 1\ntotal_inactive_file 2\n";
  EXPECT_EQ(parse_inactive_file(stat, CgroupVersion::v1), 2);
  EXPECT_EQ(parse_inactive_file(stat, CgroupVersion::v2), 1);
}

class CollectCgroupPlace : public testing::Test {
 protected:
  void mount(CgroupVersion version, std::string controllers, std::string root, std::string point) {
    CgroupMount mount;
    mount.version = version;
    mount.controllers = std::move(controllers);
    mount.root = std::move(root);
    mount.mount_point = std::move(point);
    mounts.push_back(std::move(mount));
  }

  std::string folder(std::string_view text, std::string_view controller, std::string_view id = "") {
    const auto place = place_of(text, controller, id, mounts);
    return place ? place->folder : "none";
  }

  std::vector<CgroupMount> mounts;
};

TEST_F(CollectCgroupPlace, IsInTheHierarchyThatHasTheController) {
  mount(CgroupVersion::v1, "rw,cpu,cpuacct", "/", "/c/cpu,cpuacct");
  mount(CgroupVersion::v1, "rw,memory", "/", "/c/memory");
  const auto* text = "4:cpu,cpuacct:/docker/x\n3:memory:/other/x\n2:blkio:/docker/x\n";
  EXPECT_EQ(folder(text, "cpuacct"), "/c/cpu,cpuacct/docker/x");
  EXPECT_EQ(folder(text, "memory"), "/c/memory/other/x");
  EXPECT_EQ(folder(text, "blkio"), "none");
}

TEST_F(CollectCgroupPlace, IsTheUnifiedHierarchyForWhatVersion1DoesNotHave) {
  mount(CgroupVersion::v2, "", "/", "/c/unified");
  mount(CgroupVersion::v1, "rw,memory", "/", "/c/memory");
  const auto* text = "3:memory:/docker/x\n0::/system.slice/x.scope\n";
  EXPECT_EQ(folder(text, "memory"), "/c/memory/docker/x");
  EXPECT_EQ(folder(text, "cpuacct"), "/c/unified/system.slice/x.scope");
}

TEST_F(CollectCgroupPlace, IsReckonedFromTheCgroupThatIsMounted) {
  mount(CgroupVersion::v1, "rw,memory", "/docker/me", "/c/memory");
  EXPECT_EQ(folder("3:memory:/docker/me/below\n", "memory"), "/c/memory/below");
  EXPECT_EQ(folder("3:memory:/docker/me\n", "memory"), "/c/memory");
  EXPECT_EQ(folder("3:memory:/docker/mean\n", "memory"), "none");
  EXPECT_EQ(folder("3:memory:/docker/x\n", "memory"), "none");
}

TEST_F(CollectCgroupPlace, IsTheContainersAlsoForAProcessBelowIt) {
  mount(CgroupVersion::v2, "", "/", "/c");
  const std::string id = "0123456789abcdef";
  EXPECT_EQ(folder("0::/system.slice/docker-" + id + ".scope/init.scope\n", "memory", id),
            "/c/system.slice/docker-" + id + ".scope");
  EXPECT_EQ(folder("0::/docker/" + id + "/system.slice/x.service\n", "memory", id),
            "/c/docker/" + id);
}

TEST_F(CollectCgroupPlace, KeepsColonsOfThePath) {
  mount(CgroupVersion::v2, "", "/", "/c");
  EXPECT_EQ(folder("0::/a:b\n", "memory"), "/c/a:b");
  EXPECT_EQ(folder("0::/\n", "memory"), "/c");
  EXPECT_EQ(folder("0:\nnonsense\n0::a\n", "memory"), "none");
}

}  // namespace
}  // namespace portoser::agent::collect
