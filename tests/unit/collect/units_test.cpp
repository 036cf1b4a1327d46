// What units of systemd use, in kept trees of both versions of cgroups.
#include "agent/collect/sampler.h"
#include "common/clock.h"
#include "tests/unit/collect/fixture_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace portoser::agent::collect {
namespace {

using testing::IsEmpty;
namespace fs = std::filesystem;

constexpr auto cgroup = "/system.slice/sensor.service";

class UnitsTest : public testing::Test {
 protected:
  explicit UnitsTest(const char* kind = "v2") : tree(kind) {}

  void put(const std::string& name, const std::string& content) const {
    fs::create_directories((tree / name).parent_path());
    tree.write(name, content);
  }
  protocol::Sample next() {
    clock.advance(std::chrono::seconds{10});
    return sampler.sample();
  }
  void watch(const std::string& invocation = "i1") {
    sampler.set_units({{"sensor.service", cgroup, invocation}});
  }

  FixtureTree tree;
  ManualClock clock;
  Sampler sampler{clock, tree.paths()};
};

class UnitsOfVersion2 : public UnitsTest {
 protected:
  UnitsOfVersion2() {
    put(folder + "cgroup.procs", "4711\n");
    put(folder + "cpu.stat", "usage_usec 1000000\nuser_usec 1\nsystem_usec 1\n");
    put(folder + "memory.current", "5000000\n");
    put(folder + "memory.stat", "anon 1\ninactive_file 1000000\n");
    put(folder + "memory.max", "max\n");
    put(folder + "io.stat", "254:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n");
    watch();
  }
  const std::string folder = std::string{"sys/fs/cgroup"} + cgroup + "/";
};

TEST_F(UnitsOfVersion2, HaveTheirNumbersUnderTheirName) {
  auto sample = next();
  ASSERT_EQ(sample.containers.size(), 1U);
  EXPECT_EQ(sample.containers[0].id, "sensor.service");
  EXPECT_FALSE(sample.containers[0].cpu_percent) << "since when?";
  EXPECT_EQ(sample.containers[0].memory_bytes, 4000000);
  EXPECT_FALSE(sample.containers[0].memory_limit_bytes);
  EXPECT_EQ(sample.containers[0].block_read_bytes, 4096);
  EXPECT_EQ(sample.containers[0].block_write_bytes, 8192);
  EXPECT_FALSE(sample.containers[0].receive_bytes) << "its network is the host's";
  put(folder + "cpu.stat", "usage_usec 3000000\n");
  put(folder + "io.stat", "254:0 rbytes=14096 wbytes=8192\n");
  sample = next();
  // 2 of 20 possible seconds on two processors.
  EXPECT_EQ(sample.containers[0].cpu_percent, 10.0);
  ASSERT_TRUE(sample.containers[0].per_second);
  EXPECT_EQ(sample.containers[0].per_second->block_read, 1000);
  EXPECT_THAT(sample.problems, IsEmpty());
}

TEST_F(UnitsOfVersion2, WithoutAProcessHaveNoNumbersAtAll) {
  EXPECT_EQ(next().containers.size(), 1U);
  put(folder + "cgroup.procs", "");
  EXPECT_THAT(next().containers, IsEmpty());
  fs::remove_all(tree / ("sys/fs/cgroup" + std::string{cgroup}));
  const auto sample = next();
  EXPECT_THAT(sample.containers, IsEmpty());
  EXPECT_THAT(sample.problems, IsEmpty());
}

TEST_F(UnitsOfVersion2, ThatDelegateHaveTheirProcessesBelow) {
  put(folder + "cgroup.procs", "");
  put(folder + "worker/cgroup.procs", "4712\n");
  EXPECT_EQ(next().containers.size(), 1U);
}

TEST_F(UnitsOfVersion2, WhoseControllersAreSwitchedOffHaveWhatThereIs) {
  for (const auto* file : {"memory.current", "memory.stat", "memory.max", "io.stat"}) {
    tree.remove(folder + file);
  }
  const auto sample = next();
  ASSERT_EQ(sample.containers.size(), 1U);
  EXPECT_FALSE(sample.containers[0].memory_bytes);
  EXPECT_THAT(sample.problems, IsEmpty());
}

TEST_F(UnitsOfVersion2, AnotherStartIsMeasuredAnew) {
  next();
  watch("i2");
  put(folder + "cpu.stat", "usage_usec 9000000\n");
  EXPECT_FALSE(next().containers[0].cpu_percent);
  sampler.set_units({});
  EXPECT_THAT(next().containers, IsEmpty());
}

class UnitsOfVersion1 : public UnitsTest {
 protected:
  UnitsOfVersion1() : UnitsTest("v1") {
    put(std::string{"sys/fs/cgroup/systemd"} + cgroup + "/cgroup.procs", "4711\n");
    put(memory + "memory.usage_in_bytes", "5000000\n");
    put(memory + "memory.stat", "total_inactive_file 1000000\n");
    put(memory + "memory.limit_in_bytes", "9223372036854771712\n");
    watch();
  }
  const std::string memory = std::string{"sys/fs/cgroup/memory"} + cgroup + "/";
};

TEST_F(UnitsOfVersion1, AreNotChargedWithWhatIsCountedForOthersToo) {
  const auto sample = next();
  ASSERT_EQ(sample.containers.size(), 1U);
  EXPECT_EQ(sample.containers[0].memory_bytes, 4000000);
  // There is no such cgroup for processors: its processes are in that of all services.
  EXPECT_FALSE(sample.containers[0].cpu_percent);
  EXPECT_FALSE(sample.containers[0].block_read_bytes);
  EXPECT_THAT(sample.problems, IsEmpty());
}

}  // namespace
}  // namespace portoser::agent::collect
