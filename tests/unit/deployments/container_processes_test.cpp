#include "agent/deployments/program/container_processes.h"

#include "common/file.h"
#include "tests/support/temp_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

namespace portoser::agent::deployments {
namespace {

using testing::IsEmpty;
using testing::UnorderedElementsAre;

class ContainerProcesses : public testing::Test {
 protected:
  void process(const std::string& pid, const std::string& cgroup, char state = 'S') const {
    make_folder(proc / pid);
    write_file_atomic(proc / (pid + "/cgroup"), cgroup);
    write_file_atomic(proc / (pid + "/stat"), pid + " (a ) b) " + state + " 1 1 1\n");
  }

  test::TempFolder proc{"proc"};
  std::string one = std::string(64, 'a');
  std::string other = std::string(64, 'b');
};

TEST_F(ContainerProcesses, AreFoundByTheNameOfTheirCgroup) {
  process("11", "0::/system.slice/docker-" + one + ".scope\n");
  process("12", "12:pids:/docker/" + one + "/inner\n11:cpu:/docker/" + one + "\n");
  process("13", "0::/../docker-" + other + ".scope\n");
  process("14", "0::/user.slice\n");
  process("15x", "0::/docker/" + one + "\n");
  write_file_atomic(proc / "uptime", "1\n");
  EXPECT_THAT(processes_of({one}, proc.path()), UnorderedElementsAre(11, 12));
  EXPECT_THAT(processes_of({one, other}, proc.path()), UnorderedElementsAre(11, 12, 13));
}

TEST_F(ContainerProcesses, ThatAreDeadAreNone) {
  process("11", "0::/docker/" + one + "\n", 'Z');
  process("12", "0::/docker/" + one + "\n", 'X');
  process("13", "0::/docker/" + one + "\n", 'D');
  EXPECT_THAT(processes_of({one}, proc.path()), UnorderedElementsAre(13));
}

TEST_F(ContainerProcesses, AreNeverFoundByAPartOfAName) {
  process("11", "0::/docker/" + one + "\n");
  EXPECT_THAT(processes_of({"", "a", "docker"}, proc.path()), IsEmpty());
  EXPECT_THAT(processes_of({}, proc.path()), IsEmpty());
  EXPECT_THAT(processes_of({one}, proc / "missing"), IsEmpty());
}

TEST_F(ContainerProcesses, AreNeverThisOne) {
  process(std::to_string(::getpid()), "0::/docker/" + one + "\n");
  EXPECT_THAT(processes_of({one}, proc.path()), IsEmpty());
}

}  // namespace
}  // namespace portoser::agent::deployments
