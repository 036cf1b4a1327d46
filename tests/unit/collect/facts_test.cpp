#include "agent/collect/facts.h"

#include "common/error.h"
#include "tests/unit/collect/fixture_tree.h"

#include <gtest/gtest.h>
#include <sys/utsname.h>

#include <unistd.h>

namespace portoser::agent::collect {
namespace {

TEST(HostFacts, ReadsAKeptTree) {
  const FixtureTree tree{"v2"};
  const auto facts = host_facts(tree.paths());
  EXPECT_EQ(facts.os, "linux");
  EXPECT_EQ(facts.os_version, "Debian GNU/Linux 12 (bookworm)");
  EXPECT_EQ(facts.cpu_threads, 2);
  EXPECT_EQ(facts.cpu_cores, 1);
  EXPECT_EQ(facts.memory_bytes, 8126464LL * 1024);
  EXPECT_GT(facts.disk_bytes, 0);
  EXPECT_FALSE(facts.has_systemd);
  EXPECT_EQ(facts.engine_version, "");
}

TEST(HostFacts, NamesThisMachine) {
  utsname name{};
  ASSERT_EQ(::uname(&name), 0);
  const auto facts = host_facts();
  EXPECT_EQ(facts.hostname, name.nodename);
  EXPECT_EQ(facts.kernel, name.release);
  EXPECT_EQ(facts.arch, name.machine);
  EXPECT_EQ(facts.cpu_threads, ::sysconf(_SC_NPROCESSORS_ONLN));
  EXPECT_GE(facts.cpu_cores, 1);
  EXPECT_LE(facts.cpu_cores, facts.cpu_threads);
  for (const auto& address : facts.addresses) {
    EXPECT_FALSE(address.starts_with("127.") || address.starts_with("169.254.") ||
                 address.starts_with("fe80:") || address == "::1")
        << address;
  }
}

TEST(HostFacts, CountsCoresByTopologyWhereCpuinfoIsSilent) {
  const FixtureTree tree{"v1"};
  tree.write("proc/cpuinfo", "processor\t: 0\nBogoMIPS\t: 108.00\n\nprocessor\t: 1\n");
  EXPECT_EQ(host_facts(tree.paths()).cpu_cores, 2);  // no topology either: threads
  for (const auto* cpu : {"cpu0", "cpu1"}) {
    const auto folder = std::string{"sys/devices/system/cpu/"} + cpu + "/topology";
    std::filesystem::create_directories(tree / folder);
    tree.write(folder + "/physical_package_id", "0\n");
    tree.write(folder + "/core_id", "0\n");
  }
  EXPECT_EQ(host_facts(tree.paths()).cpu_cores, 1);
}

TEST(HostFacts, SeesSystemd) {
  const FixtureTree tree{"v1"};
  std::filesystem::create_directories(tree / "run/systemd/system");
  EXPECT_TRUE(host_facts(tree.paths()).has_systemd);
}

TEST(HostFacts, LeavesEmptyWhatCannotBeRead) {
  HostPaths nowhere;
  nowhere.proc = "/nonexistent";
  nowhere.root = "/nonexistent";
  const auto facts = host_facts(nowhere);
  EXPECT_EQ(facts.os_version, "");
  EXPECT_EQ(facts.cpu_threads, 0);
  EXPECT_EQ(facts.memory_bytes, 0);
  EXPECT_EQ(facts.disk_bytes, 0);
}

TEST(HostFacts, CountsCoresOfTwoPackages) {
  std::string text;
  for (const auto* package : {"0", "1"}) {
    for (const auto* core : {"0", "1", "0", "1"}) {
      text += std::string{"processor\t: 0\nphysical id\t: "} + package + "\ncore id\t\t: " + core +
              "\n\n";
    }
  }
  EXPECT_EQ(physical_cores(text), 4);
  EXPECT_EQ(physical_cores(""), 0);
}

TEST(HostFacts, ReadsNamesAsAShellDoes) {
  EXPECT_EQ(pretty_name("NAME=x\nPRETTY_NAME=\"A \\\"B\\\" C\"\n"), "A \"B\" C");
  EXPECT_EQ(pretty_name("PRETTY_NAME='Alpine Linux v3.20'"), "Alpine Linux v3.20");
  EXPECT_EQ(pretty_name("PRETTY_NAME=Arch\r\n"), "Arch");
  EXPECT_EQ(pretty_name("PRETTY_NAME=\""), "\"");
  EXPECT_EQ(pretty_name("PRETTY_NAME=\n"), "");
  EXPECT_EQ(pretty_name("XPRETTY_NAME=no\n"), "");
}

TEST(BootId, IsTheKernels) {
  const FixtureTree tree{"v1"};
  EXPECT_EQ(boot_id(tree.paths()), "5d0c1f52-7a0e-4c63-9a57-1f2d3c4b5a69");
  EXPECT_EQ(boot_id().size(), 36U);
  tree.remove("proc/sys/kernel/random/boot_id");
  EXPECT_THROW(boot_id(tree.paths()), Error);
}

}  // namespace
}  // namespace portoser::agent::collect
