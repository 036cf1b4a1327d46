#include "agent/routing/follow_hosts.h"

#include "common/error.h"
#include "common/file.h"
#include "tests/support/temp_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

namespace portoser::agent::routing {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class FollowHostsTest : public testing::Test {
 protected:
  FollowHostsTest() {
    parameters_.command = "01J00000000000000000000000";
    parameters_.data = folder_.path();
    parameters_.hosts.path = folder_ / "hosts";
    parameters_.hosts.hostname = "notes.attic.lan";
    parameters_.hosts.old_address = "192.0.2.21";
    parameters_.hosts.address = "192.0.2.22";
  }

  void write(const std::string& text) { write_file_atomic(parameters_.hosts.path, text, 0640); }
  [[nodiscard]] std::string text() const { return read_file(parameters_.hosts.path); }
  std::vector<std::string> follow() {
    return follow_in_hosts(parameters_, [this] {
      seen_.push_back(text());
      return running_;
    });
  }
  Error failure() {
    try {
      follow();
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "it followed";
    return Error{Code::internal, ""};
  }

  test::TempFolder folder_{"hosts"};
  Parameters parameters_;
  std::size_t running_ = 1;
  std::vector<std::string> seen_;  ///< the file at each reload
};

TEST_F(FollowHostsTest, DnsmasqReadsTheFileWhenItIsWritten) {
  write("192.0.2.21 notes.attic.lan\n");
  EXPECT_THAT(follow(), ElementsAre(StartsWith("done: ")));
  EXPECT_THAT(seen_, ElementsAre("192.0.2.22 notes.attic.lan\n"));
  const auto mode = std::filesystem::status(parameters_.hosts.path).permissions();
  EXPECT_EQ(static_cast<unsigned>(mode), 0640U);
}

/// Who wrote it may have been killed before dnsmasq was told.
TEST_F(FollowHostsTest, DnsmasqReadsItAgainWhenItIsRightAlready) {
  write("192.0.2.22 notes.attic.lan\n");
  EXPECT_THAT(follow(), ElementsAre(StartsWith("nothing to do: ")));
  EXPECT_EQ(seen_.size(), 1U);
}

TEST_F(FollowHostsTest, WithoutADnsmasqThatIsSaid) {
  write("192.0.2.21 notes.attic.lan\n");
  running_ = 0;
  EXPECT_THAT(follow(),
              ElementsAre(StartsWith("done: "),
                          testing::AllOf(StartsWith("left: "), HasSubstr("no dnsmasq"))));
}

TEST_F(FollowHostsTest, AFileThatIsNotThereIsNotMade) {
  EXPECT_EQ(failure().reason(), "ROUTE_NOT_FOUND");
  EXPECT_FALSE(std::filesystem::exists(parameters_.hosts.path));
}

TEST_F(FollowHostsTest, AFolderIsNoHostsFile) {
  make_folder(parameters_.hosts.path);
  EXPECT_EQ(failure().reason(), "ROUTE_NOT_FOUND");
}

TEST_F(FollowHostsTest, SettingsOfDnsmasqAreLeftAlone) {
  const std::string settings = "address=/notes.attic.lan/192.0.2.21\n";
  write(settings);
  const auto error = failure();
  EXPECT_EQ(error.reason(), "ROUTE_NOT_FOUND");
  EXPECT_THAT(error.hint(), HasSubstr("addn-hosts"));
  EXPECT_EQ(text(), settings);
  EXPECT_TRUE(seen_.empty());
}

TEST_F(FollowHostsTest, ANameAtAnotherHostIsLeftAlone) {
  write("192.0.2.9 notes.attic.lan\n");
  const auto error = failure();
  EXPECT_EQ(error.reason(), "ROUTE_NOT_FOUND");
  EXPECT_THAT(error.message(), HasSubstr("192.0.2.9"));
}

TEST_F(FollowHostsTest, ANameAtTheIngressNeedNotFollow) {
  parameters_.hosts.ingress = "192.0.2.2";
  write("192.0.2.2 notes.attic.lan\n");
  EXPECT_THAT(follow(), ElementsAre(StartsWith("nothing to do: ")));
}

}  // namespace
}  // namespace portoser::agent::routing
