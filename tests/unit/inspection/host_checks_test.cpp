#include "agent/inspection/host_checks.h"

#include "tests/support/temp_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portoser::agent::inspection {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class HostChecks : public testing::Test {
 protected:
  HostChecks() { model_.services.push_back(service("web")); }

  static ModelService service(const std::string& name) {
    ModelService one;
    one.name = name;
    return one;
  }
  std::vector<std::string> found() {
    std::vector<std::string> all;
    for (const auto& one : findings_.report().findings) {
      all.push_back(one.severity + " " + one.reason + " " + one.subject);
    }
    return all;
  }

  ComposeModel model_;
  Findings findings_;
};

TEST_F(HostChecks, APortOfAnotherContainerIsTaken) {
  model_.services[0].ports = {{"", 8080, "tcp"}};
  check_ports(model_, {{"other_1", "id", "0.0.0.0", 8080, "tcp"}}, {}, {}, findings_);
  EXPECT_THAT(found(), ElementsAre("error PORT_TAKEN 8080/tcp"));
}

TEST_F(HostChecks, ItsOwnPortIsNotTakenAlthoughSomethingListensThere) {
  model_.services[0].ports = {{"", 8080, "tcp"}};
  Listener proxy{"tcp", 8080, true, "", 1};
  check_ports(model_, {{"web_1", "id", "0.0.0.0", 8080, "tcp"}}, {proxy}, {"id"}, findings_);
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(HostChecks, APortOfAProcessIsTaken) {
  model_.services[0].ports = {{"127.0.0.1", 53, "udp"}};
  Listener elsewhere{"udp", 53, false, "192.0.2.1", 1};
  Listener tcp{"tcp", 53, true, "", 2};
  check_ports(model_, {}, {elsewhere, tcp}, {}, findings_);
  EXPECT_THAT(found(), IsEmpty()) << "another address, another protocol";
  const Listener of_ipv6{"udp", 53, false, "", 4};
  check_ports(model_, {}, {of_ipv6}, {}, findings_);
  EXPECT_THAT(found(), IsEmpty()) << "both can be bound";
  Listener here{"udp", 53, true, "", 3};
  check_ports(model_, {}, {here}, {}, findings_);
  EXPECT_THAT(found(), ElementsAre("error PORT_TAKEN 127.0.0.1:53/udp"));
}

TEST_F(HostChecks, TwoServicesOfOneFileCannotPublishOnePort) {
  model_.services.push_back(service("admin"));
  for (auto& one : model_.services) one.ports = {{"", 8080, "tcp"}};
  check_ports(model_, {}, {}, {}, findings_);
  EXPECT_THAT(found(), ElementsAre("error PORT_TAKEN 8080/tcp"));
}

TEST_F(HostChecks, AMountWithoutASourceIsSaid) {
  const test::TempFolder folder;
  const auto there = folder.path().string();
  model_.services[0].binds = {{there, false}, {there + "/made", true}, {there + "/gone", false}};
  check_mounts(model_, findings_);
  EXPECT_THAT(found(),
              ElementsAre("warning MOUNT_SOURCE_MISSING " + there + "/made",
                          "error MOUNT_SOURCE_MISSING " + there + "/gone"));
}

TEST_F(HostChecks, MemoryIsComparedWithTheHosts) {
  model_.services[0].memory_limit_bytes = std::int64_t{8} << 30;
  check_memory(model_, "MemTotal: 4194304 kB\nMemAvailable: 2097152 kB\n", findings_);
  EXPECT_THAT(found(), ElementsAre("warning MEMORY_LOW web"));
}

TEST_F(HostChecks, MemoryThatCannotBeReadIsUnknownAndNotEnough) {
  check_memory(model_, "", findings_);
  EXPECT_THAT(found(), ElementsAre("warning MEMORY_UNKNOWN "));
}

TEST_F(HostChecks, ADiskThatCannotBeLookedAtIsUnknown) {
  check_disk({"/no/such/folder"}, findings_);
  EXPECT_THAT(found(), ElementsAre("warning DISK_UNKNOWN /no/such/folder"));
  EXPECT_THAT(findings_.report().checks, ElementsAre("disk"));
}

}  // namespace
}  // namespace portoser::agent::inspection
