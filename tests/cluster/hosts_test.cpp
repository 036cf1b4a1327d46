// The test hosts themselves: what other tests of this folder rely on.
#include "common/error.h"
#include "common/file.h"
#include "tests/cluster/cluster.h"
#include "tests/support/await.h"
#include "tests/support/host.h"
#include "tests/support/images.h"
#include "tests/support/temp_folder.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <unistd.h>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// Datagrams that hosts send to this program.
class Mailbox {
 public:
  Mailbox() : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = INADDR_ANY;
    socklen_t size = sizeof address;
    void* raw = &address;
    EXPECT_EQ(::bind(socket_.get(), static_cast<sockaddr*>(raw), size), 0);
    EXPECT_EQ(::getsockname(socket_.get(), static_cast<sockaddr*>(raw), &size), 0);
    port_ = ntohs(address.sin_port);
    const timeval limit{30, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  void post_from(const Host& host, const std::string& text) const {
    host.run({"bash",
              "-c",
              fmt::format("echo -n '{}' > /dev/udp/{}/{}",
                          text,
                          Network::address_of(Network::own_port),
                          port_)});
  }
  /// The next one.
  std::string read() const {
    std::array<char, 100> text{};
    const auto got = ::recv(socket_.get(), text.data(), text.size(), 0);
    return got < 0 ? "nothing came" : std::string{text.data(), static_cast<std::size_t>(got)};
  }

 private:
  Descriptor socket_;
  std::uint16_t port_ = 0;
};

bool reaches(const Host& host, const std::string& address) {
  return run_command({"busybox", "ping", "-c", "1", "-W", "2", address},
                     {.within = host.first_process()})
             .exit_status == 0;
}

class Hosts : public testing::Test {
 protected:
  Hosts() {
    one_.power_on();
    two_.power_on();
  }
  TempFolder folder_{"hosts"};
  Network network_{1};
  Host one_{network_, 1, folder_.path()};
  Host two_{network_, 2, folder_.path()};
};

TEST_F(Hosts, ADiskThatIsFilledIsFullInTheHostToo) {
  two_.power_off();
  const auto& disk = two_.add_small_disk("data", 1);
  EXPECT_THROW(one_.add_small_disk("data"), Error) << "it would not see it";
  two_.power_on();
  const auto write = [&](const std::string& name) {
    return run_command({"sh", "-c", "echo text > " + (disk.path() / name).string()},
                       {.within = two_.first_process()})
        .exit_status;
  };
  EXPECT_EQ(write("before"), 0);
  disk.fill();
  EXPECT_NE(write("meanwhile"), 0);
  two_.power_off();
  two_.power_on();
  EXPECT_NE(write("meanwhile"), 0) << "as it was before its power went";
  EXPECT_EQ(read_file(disk.path() / "before"), "text\n");
  disk.make_room();
  EXPECT_EQ(write("after"), 0);
}

TEST_F(Hosts, EachIsAHostOfItsOwn) {
  EXPECT_EQ(one_.run({"hostname"}), "h1\n");
  const std::vector<std::string> boot_id{"cat", "/proc/sys/kernel/random/boot_id"};
  EXPECT_NE(one_.run(boot_id), two_.run(boot_id));
  EXPECT_NE(one_.run(boot_id), must_run(boot_id));
  EXPECT_LT(std::stod(one_.run({"cat", "/proc/uptime"})), 300);
  EXPECT_THAT(one_.run({"ip", "-br", "address"}), HasSubstr(one_.address()));
  EXPECT_TRUE(reaches(one_, two_.address()));
  EXPECT_TRUE(reaches(two_, Network::address_of(Network::own_port)));
}

TEST_F(Hosts, APowerCutTakesAllButTheDisk) {
  const std::vector<std::string> boot_id{"cat", "/proc/sys/kernel/random/boot_id"};
  const auto before = one_.run(boot_id);
  one_.run({"bash",
            "-c",
            fmt::format("echo kept > {}/kept; echo lost > /run/lost", one_.disk().string())});
  const Process sleeper{{.argv = {"sleep", "100000"}, .within = one_.first_process()}};
  ASSERT_TRUE(sleeper.running());
  one_.power_off();
  EXPECT_EQ(sleeper.wait(30s), 137);
  EXPECT_FALSE(reaches(two_, one_.address()));

  one_.power_on();
  EXPECT_NE(one_.run(boot_id), before);
  EXPECT_EQ(one_.run({"cat", (one_.disk() / "kept").string()}), "kept\n");
  EXPECT_EQ(one_.run({"find", "/run", "-name", "lost"}), "");
}

TEST_F(Hosts, ACableCanBeCutInOneDirection) {
  const Mailbox mailbox;
  mailbox.post_from(one_, "before");
  EXPECT_EQ(mailbox.read(), "before");
  one_.cut_out();
  mailbox.post_from(one_, "lost");
  one_.cut_in();
  mailbox.post_from(one_, "heard");
  EXPECT_EQ(mailbox.read(), "heard");
  EXPECT_FALSE(reaches(one_, two_.address())) << "the answer does not come back";
  one_.cut();
  mailbox.post_from(one_, "lost too");
  one_.heal();
  mailbox.post_from(one_, "after");
  EXPECT_EQ(mailbox.read(), "after");
}

TEST_F(Hosts, ACableCanBeSlowAndLossy) {
  EXPECT_TRUE(reaches(one_, two_.address()));
  one_.slow(150ms);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(reaches(one_, two_.address()));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 300ms) << "there and back";
  one_.slow(0ms, 1);
  EXPECT_FALSE(reaches(one_, two_.address()));
  one_.heal();
  EXPECT_TRUE(reaches(one_, two_.address()));
}

TEST_F(Hosts, ContainersOutliveAPowerCutAsTheirPolicySays) {
  one_.start_engine();
  one_.await_engine();
  load_images(one_.docker_environment());
  one_.docker(
      {"run", "-d", "--name", "kept", "--restart", "always", busybox_image, "sleep", "1000"});
  one_.docker({"run", "-d", "--name", "left", busybox_image, "sleep", "1000"});
  one_.power_off();
  one_.power_on();
  one_.start_engine();
  one_.await_engine();
  const auto state = [&](const std::string& name) {
    return one_.docker({"inspect", "--format", "{{.State.Running}}", name});
  };
  await_until("the container is back", 60s, [&] { return state("kept") == "true\n"; });
  EXPECT_EQ(state("left"), "false\n");

  one_.freeze_engine();
  EXPECT_THROW(
      run_command({"docker", "ps"}, {.environment = one_.docker_environment(), .limit = 1s}),
      std::exception);
  one_.thaw_engine();
  EXPECT_EQ(state("kept"), "true\n");
}

/// How long that takes is told and not judged: it depends on what else the machine does.
TEST(HostsTogether, ThreeWithEngineAgentAndServiceComeUp) {
  const auto begin = std::chrono::steady_clock::now();
  Cluster cluster{3};
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::cout << fmt::format("three hosts with engine, agent and service were up after {:.1f} s\n",
                           took.count());
  for (const auto& host : cluster.hosts()) {
    EXPECT_EQ(host->machine().docker({"ps", "-q"}).empty(), false) << host->name();
    EXPECT_EQ(cluster.controller().row("/api/machines", "machines", host->name())["status"],
              "online");
  }
}

TEST(HostsAfterwards, NothingIsLeft) {
  pid_t init = 0;
  const TempFolder folder{"hosts"};
  {
    Network network{1};
    Host host{network, 7, folder.path()};
    host.power_on();
    host.start_engine();
    host.await_engine();
    load_images(host.docker_environment());
    host.docker({"run", "-d", busybox_image, "sleep", "1000"});
    init = host.first_process();
  }
  EXPECT_FALSE(std::filesystem::exists(fmt::format("/proc/{}", init)));
  EXPECT_EQ(must_run({"find",
                      "/sys/fs/cgroup",
                      "-maxdepth",
                      "2",
                      "-name",
                      fmt::format("portoser-hosts-{}", ::getpid())}),
            "")
      << "no cgroup";
  EXPECT_EQ(run_command({"ip", "link", "show", "port17"}).exit_status, 1) << "no interface";
}

}  // namespace
}  // namespace portoser::test
