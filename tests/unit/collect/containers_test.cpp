#include "agent/collect/sampler.h"
#include "common/clock.h"
#include "tests/unit/collect/fixture_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <unistd.h>

namespace portoser::agent::collect {
namespace {

using testing::HasSubstr;

/// Where the kept trees of each version hold the values of the first container.
struct Files {
  std::string version;
  std::string cpu;
  std::string cpu_before;
  std::string cpu_after;  ///< one second of processor time later
  std::string memory;
  std::string folder;  ///< of the cgroup that holds the processor time
  std::string io;
};

Files files_of(const std::string& version) {
  Files files;
  files.version = version;
  if (version == "v1") {
    files.folder = "sys/fs/cgroup/cpu,cpuacct/docker/" + own_network_id;
    files.cpu = files.folder + "/cpuacct.usage";
    files.cpu_before = "5000000000";
    files.cpu_after = "6000000000";
    files.memory = "sys/fs/cgroup/memory/docker/" + own_network_id + "/memory.usage_in_bytes";
    files.io = "sys/fs/cgroup/blkio/docker/" + own_network_id +
               "/blkio.throttle.io_service_bytes_recursive";
  } else {
    files.folder = "sys/fs/cgroup/system.slice/docker-" + own_network_id + ".scope";
    files.cpu = files.folder + "/cpu.stat";
    files.cpu_before = "usage_usec 5000000";
    files.cpu_after = "usage_usec 6000000";
    files.memory = files.folder + "/memory.current";
    files.io = files.folder + "/io.stat";
  }
  return files;
}

int open_descriptors() {
  int count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"})
    ++count;
  return count;
}

ContainerHandle handle(const std::string& id, std::int64_t pid) {
  ContainerHandle made;
  made.id = id;
  made.pid = pid;
  return made;
}

class CollectContainers : public testing::TestWithParam<std::string> {
 protected:
  CollectContainers() { sampler.set_containers(both); }

  protocol::Sample next() {
    clock.advance(std::chrono::seconds{5});
    return sampler.sample();
  }

  const std::vector<ContainerHandle> both{handle(own_network_id, own_network_pid),
                                          handle(host_network_id, host_network_pid)};
  FixtureTree tree{GetParam()};
  Files files = files_of(GetParam());
  ManualClock clock;
  Sampler sampler{clock, tree.paths()};
};

INSTANTIATE_TEST_SUITE_P(Cgroups,
                         CollectContainers,
                         testing::Values("v1", "v2"),
                         [](const auto& one) { return one.param; });

TEST_P(CollectContainers, HaveTheSameValuesInBothVersions) {
  const auto sample = sampler.sample();
  EXPECT_TRUE(sample.problems.empty()) << sample.problems.at(0).message;
  ASSERT_EQ(sample.containers.size(), 2U);
  const auto& first = sample.containers[0];
  EXPECT_EQ(first.id, own_network_id);
  EXPECT_FALSE(first.cpu_percent);
  EXPECT_EQ(first.memory_bytes, 100000000);
  EXPECT_EQ(first.memory_limit_bytes, 268435456);
  EXPECT_EQ(first.receive_bytes, 5000);
  EXPECT_EQ(first.transmit_bytes, 1200);
  EXPECT_EQ(first.block_read_bytes, 9192);
  EXPECT_EQ(first.block_write_bytes, 4120);
}

TEST_P(CollectContainers, HaveNoLimitWhereNoneIsSetAndNoTrafficOfTheHostsNetwork) {
  const auto sample = sampler.sample();
  ASSERT_EQ(sample.containers.size(), 2U);
  const auto& second = sample.containers[1];
  EXPECT_EQ(second.id, host_network_id);
  EXPECT_EQ(second.memory_bytes, 100000000);
  EXPECT_FALSE(second.memory_limit_bytes);
  EXPECT_FALSE(second.receive_bytes);
  EXPECT_FALSE(second.transmit_bytes);
  EXPECT_EQ(second.block_read_bytes, files.version == "v1" ? 512 : 0);
  EXPECT_EQ(second.block_write_bytes, 0);
}

TEST_P(CollectContainers, UseAPartOfTheWholeMachine) {
  sampler.sample();
  tree.edit(files.cpu, files.cpu_before, files.cpu_after);
  const auto sample = next();
  // One second of processor time in five seconds, on two processors.
  EXPECT_EQ(sample.containers.at(0).cpu_percent, 10.0);
  EXPECT_EQ(sample.containers.at(1).cpu_percent, 0.0);
}

TEST_P(CollectContainers, HaveNoPercentageWhenTheCounterBeganAnew) {
  tree.edit(files.cpu, files.cpu_before, files.cpu_after);
  sampler.sample();
  tree.edit(files.cpu, files.cpu_after, files.cpu_before);
  EXPECT_FALSE(next().containers.at(0).cpu_percent);
  EXPECT_EQ(next().containers.at(0).cpu_percent, 0.0);
}

TEST_P(CollectContainers, HaveTheirTrafficASecondSinceTheSampleBefore) {
  const auto first = sampler.sample().containers.at(0).per_second;
  EXPECT_EQ(first, protocol::ContainerRates{}) << "nobody knows yet";
  tree.edit("proc/4711/net/dev", " 904 ", "1504 ");
  const auto sample = next();
  const auto& own = sample.containers.at(0).per_second;
  ASSERT_TRUE(own);
  EXPECT_EQ(own->receive, 120);
  EXPECT_EQ(own->transmit, 0);
  EXPECT_EQ(own->block_read, 0);
  EXPECT_EQ(own->block_write, 0);
  EXPECT_EQ(sample.containers.at(1).per_second->receive, std::nullopt) << "the host's network";
  tree.edit("proc/4711/net/dev", "1504 ", " 904 ");
  EXPECT_EQ(next().containers.at(0).per_second->receive, std::nullopt) << "it began anew";
  EXPECT_EQ(next().containers.at(0).per_second->receive, 0);
}

TEST_P(CollectContainers, KeepTheUsageWhenTheInactivePartIsLarger) {
  tree.edit(files.memory, "104857600", "4857600");
  EXPECT_EQ(sampler.sample().containers.at(0).memory_bytes, 4857600);
}

TEST_P(CollectContainers, AreAbsentOnceTheyEnded) {
  sampler.sample();
  tree.remove("proc/4711");
  const auto sample = next();
  EXPECT_TRUE(sample.problems.empty());
  ASSERT_EQ(sample.containers.size(), 1U);
  EXPECT_EQ(sample.containers[0].id, host_network_id);
  EXPECT_EQ(next().containers.size(), 1U);
}

TEST_P(CollectContainers, AreAbsentWhenTheyEndedBeforeTheFirstSample) {
  tree.remove("proc/4711");
  const auto sample = sampler.sample();
  EXPECT_TRUE(sample.problems.empty());
  EXPECT_EQ(sample.containers.size(), 1U);
}

TEST_P(CollectContainers, ComeBackWithTheirNewProcess) {
  sampler.sample();
  std::filesystem::rename(tree / "proc/4711", tree / "proc/4713");
  std::filesystem::remove(tree / "proc/4713/net/dev");
  EXPECT_EQ(next().containers.size(), 1U);
  std::filesystem::copy_file(tree / "proc/4712/net/dev", tree / "proc/4713/net/dev");
  sampler.set_containers({handle(own_network_id, 4713)});
  const auto sample = next();
  ASSERT_EQ(sample.containers.size(), 1U);
  EXPECT_EQ(sample.containers[0].id, own_network_id);
  EXPECT_FALSE(sample.containers[0].cpu_percent);
}

TEST_P(CollectContainers, KeepTheirReadingsWhenOthersComeAndGo) {
  sampler.sample();
  tree.edit(files.cpu, files.cpu_before, files.cpu_after);
  sampler.set_containers({both[0]});
  const auto sample = next();
  ASSERT_EQ(sample.containers.size(), 1U);
  EXPECT_EQ(sample.containers[0].cpu_percent, 10.0);
}

TEST_P(CollectContainers, WithoutAProcessAreLeftOut) {
  sampler.set_containers({handle(own_network_id, 0)});
  EXPECT_TRUE(sampler.sample().containers.empty());
}

TEST_P(CollectContainers, CloseTheirDescriptorsWhenTheyAreGone) {
  sampler.set_containers({});
  sampler.sample();
  const auto without = open_descriptors();
  sampler.set_containers(both);
  next();
  const auto with = open_descriptors();
  EXPECT_GT(with, without);
  next();
  EXPECT_EQ(open_descriptors(), with);
  tree.remove("proc/4711");
  next();
  EXPECT_LT(open_descriptors(), with);
  sampler.set_containers({});
  EXPECT_EQ(open_descriptors(), without);
}

TEST_P(CollectContainers, NameAValueThatCannotBeReadOnce) {
  // The files of both containers, so that one entry has to stand for two.
  for (const auto& entry : std::filesystem::recursive_directory_iterator{tree / "sys"}) {
    const auto name = entry.path().filename().string();
    if (name == "io.stat" || name.starts_with("blkio.throttle")) {
      std::filesystem::remove(entry.path());
      std::filesystem::create_directory(entry.path());  // opens, and cannot be read
    }
  }
  const auto sample = sampler.sample();
  ASSERT_EQ(sample.containers.size(), 2U);
  EXPECT_FALSE(sample.containers[0].block_read_bytes);
  EXPECT_EQ(sample.containers[0].memory_bytes, 100000000);
  const auto wanted = files.version == "v1" ? 2U : 1U;  // two names in the version 1 tree
  ASSERT_EQ(sample.problems.size(), wanted);
  EXPECT_EQ(sample.problems[0].collector, "containers");
  EXPECT_THAT(sample.problems[0].message, HasSubstr("Is a directory"));
}

TEST_P(CollectContainers, NameAFileThatIsNotThere) {
  tree.remove(files.memory);
  const auto sample = sampler.sample();
  ASSERT_EQ(sample.containers.size(), 2U);
  EXPECT_FALSE(sample.containers[0].memory_bytes);
  EXPECT_EQ(sample.containers[0].memory_limit_bytes, std::nullopt);
  EXPECT_EQ(sample.containers[0].block_read_bytes, 9192);
  ASSERT_EQ(sample.problems.size(), 1U);
  EXPECT_THAT(sample.problems[0].message,
              HasSubstr(std::filesystem::path{files.memory}.filename().string()));
}

TEST_P(CollectContainers, NameAFileThatIsNotUnderstood) {
  tree.write(files.cpu, "nonsense\n");
  const auto sample = sampler.sample();
  ASSERT_EQ(sample.problems.size(), 1U);
  EXPECT_THAT(sample.problems[0].message, HasSubstr("is not understood"));
}

TEST(CollectContainersOfVersion1, AreFoundAgainInAnotherCgroup) {
  const FixtureTree tree{"v1"};
  ManualClock clock;
  Sampler sampler{clock, tree.paths()};
  // The processor time's hierarchy, unlike a kept descriptor of a fixture, is looked up by its
  // path.
  tree.edit("proc/4711/cgroup", "4:cpu,cpuacct:/docker/", "4:cpu,cpuacct:/moved/docker/");
  sampler.set_containers({handle(own_network_id, own_network_pid)});
  EXPECT_TRUE(sampler.sample().containers.empty());  // a cgroup that is not there: ended
  std::filesystem::create_directories(tree / "sys/fs/cgroup/cpu,cpuacct/moved");
  std::filesystem::rename(tree / "sys/fs/cgroup/cpu,cpuacct/docker",
                          tree / "sys/fs/cgroup/cpu,cpuacct/moved/docker");
  sampler.set_containers({});
  sampler.set_containers({handle(own_network_id, own_network_pid)});
  const auto sample = sampler.sample();
  ASSERT_EQ(sample.containers.size(), 1U);
  EXPECT_TRUE(sample.problems.empty());
}

TEST(CollectContainersOfBothVersions, TakeFromVersion2WhatVersion1DoesNotHave) {
  const FixtureTree tree{"v1"};
  const ManualClock clock;
  // The processors' controller moves to the unified hierarchy, the others stay.
  tree.edit(
      "proc/self/mountinfo", "30 27 0:27 / /sys/fs/cgroup/cpu,cpuacct rw", "30 27 0:27 / /gone rw");
  tree.edit("proc/self/mountinfo", "cgroup rw,cpu,cpuacct", "cgroup rw,name=gone");
  tree.edit("proc/4711/cgroup", "4:cpu,cpuacct:/docker/" + own_network_id + "\n", "");
  const auto folder = "sys/fs/cgroup/unified/system.slice/containerd.service";
  std::filesystem::create_directories(tree / folder);
  tree.write(std::string{folder} + "/cpu.stat", "usage_usec 5\n");
  Sampler sampler{clock, tree.paths()};
  sampler.set_containers({handle(own_network_id, own_network_pid)});
  const auto sample = sampler.sample();
  EXPECT_TRUE(sample.problems.empty()) << sample.problems.at(0).message;
  EXPECT_EQ(sample.containers.at(0).memory_bytes, 100000000);
}

TEST(CollectContainersOfThisMachine, FindOurOwnProcess) {
  const SystemClock clock;
  Sampler sampler{clock};
  sampler.set_containers({handle("own", ::getpid())});
  sampler.sample();
  const auto sample = sampler.sample();
  ASSERT_EQ(sample.containers.size(), 1U);
  EXPECT_FALSE(sample.containers[0].receive_bytes);  // in the host's network, as we are
  if (sample.containers[0].cpu_percent) {
    EXPECT_GE(*sample.containers[0].cpu_percent, 0.0);
    EXPECT_LE(*sample.containers[0].cpu_percent, 100.0);
  }
}

}  // namespace
}  // namespace portoser::agent::collect
