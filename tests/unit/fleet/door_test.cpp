#include "controller/fleet/door.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <poll.h>

namespace portoser::fleet {
namespace {

using namespace std::chrono_literals;

constexpr int low = 10;

Crowd crowd_of(int strangers, Uptime now) {
  Crowd crowd{{.strangers = 8, .descriptors = 100, .handshake = 5s}};
  for (int i = 0; i < strangers; ++i) crowd.came(now);
  return crowd;
}

TEST(Crowd, IsFullOfStrangersUntilSomeHaveLeft) {
  auto crowd = crowd_of(7, 10s);
  EXPECT_FALSE(crowd.is_full(false, low, 10s));
  crowd.came(10s);
  EXPECT_TRUE(crowd.is_full(false, low, 10s));
  EXPECT_TRUE(crowd.is_full(true, low, 10s));
  crowd.admitted();
  EXPECT_TRUE(crowd.is_full(true, low, 10s)) << "not for each single place";
  crowd.failed();
  crowd.ended();
  EXPECT_FALSE(crowd.is_full(true, low, 10s));
  EXPECT_EQ(crowd.strangers(), 6U);
}

TEST(Crowd, EndOfAnAdmittedConnectionIsNoStrangersEnd) {
  auto crowd = crowd_of(3, 10s);
  crowd.admitted();
  crowd.ended();
  EXPECT_EQ(crowd.strangers(), 2U);
}

TEST(Crowd, StrangersOfWhomNothingMoreIsToldAreForgotten) {
  auto crowd = crowd_of(8, 10s);
  EXPECT_TRUE(crowd.is_full(false, low, 14s));
  EXPECT_TRUE(crowd.is_full(true, low, 16s)) << "they may have come just now";
  EXPECT_FALSE(crowd.is_full(true, low, 30s));
  EXPECT_EQ(crowd.strangers(), 0U);
}

TEST(Crowd, IsFullNearTheLastDescriptor) {
  auto crowd = crowd_of(0, 10s);
  EXPECT_FALSE(crowd.is_full(false, 99, 10s));
  EXPECT_TRUE(crowd.is_full(false, 100, 10s));
}

TEST(Crowd, PausesAfterAConnectionThatCouldNotBeTaken) {
  auto crowd = crowd_of(0, 10s);
  crowd.could_not_come(10s);
  EXPECT_TRUE(crowd.is_full(false, low, 10s));
  EXPECT_FALSE(crowd.is_full(true, low, 12s));
}

class DoorTest : public testing::Test {
 protected:
  DoorTest() : listening_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address_;
    EXPECT_EQ(::bind(listening_.get(), any(), size), 0);
    EXPECT_EQ(::listen(listening_.get(), 8), 0);
    EXPECT_EQ(::getsockname(listening_.get(), any(), &size), 0);
  }
  sockaddr* any() {
    void* raw = &address_;
    return static_cast<sockaddr*>(raw);
  }
  Descriptor begin_to_connect() {
    Descriptor client{::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)};
    EXPECT_TRUE(::connect(client.get(), any(), sizeof address_) == 0 || errno == EINPROGRESS);
    return client;
  }
  static bool is_connected(const Descriptor& client, int milliseconds) {
    pollfd item{client.get(), POLLOUT, 0};
    return ::poll(&item, 1, milliseconds) == 1 && (item.revents & POLLERR) == 0;
  }

  Descriptor listening_;
  sockaddr_in address_{};
};

TEST_F(DoorTest, ShutItLetsNobodyInAndWhoWaitsComesInLater) {
  Door door{listening_.get()};
  const auto before = begin_to_connect();
  ASSERT_TRUE(is_connected(before, 20000));
  door.shut();
  ASSERT_TRUE(door.is_shut());
  const auto during = begin_to_connect();
  EXPECT_FALSE(is_connected(during, 0));
  door.open();
  EXPECT_FALSE(door.is_shut());
  EXPECT_TRUE(is_connected(during, 20000)) << "its kernel asks again";
}

}  // namespace
}  // namespace portoser::fleet
