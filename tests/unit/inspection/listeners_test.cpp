#include "agent/inspection/listeners.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <unistd.h>

namespace portoser::agent::inspection {
namespace {

constexpr auto table =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode\n"
    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
    "4711 1 0 100 0 0 10 0\n"
    "   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
    "4712 1 0 100 0 0 10 0\n"
    "   2: 0100007F:1F90 0100007F:C001 01 00000000:00000000 00:00000000 00000000     0        0 "
    "4713 1 0 100 0 0 10 0\n"
    "broken\n";

TEST(Listeners, AreReadFromTheKernelsTable) {
  const auto found = parse_listeners(table, "tcp");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].port, 8080);
  EXPECT_EQ(found[0].address, "127.0.0.1");
  EXPECT_FALSE(found[0].is_any_address);
  EXPECT_EQ(found[0].inode, 4711U);
  EXPECT_EQ(found[1].port, 22);
  EXPECT_TRUE(found[1].is_any_address);
}

TEST(Listeners, OneOfOurOwnIsFoundWithItsOwner) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(socket, 1), 0);
  socklen_t size = sizeof address;
  ASSERT_EQ(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size), 0);

  const auto all = listeners();
  const auto ours = std::find_if(all.begin(), all.end(), [&](const Listener& one) {
    return one.protocol == "tcp" && one.port == ntohs(address.sin_port);
  });
  ASSERT_NE(ours, all.end());
  const auto owner = owner_of(ours->inode);
  ASSERT_TRUE(owner);
  EXPECT_EQ(owner->pid, ::getpid());
  EXPECT_FALSE(owner->command.empty());
  ::close(socket);
  EXPECT_FALSE(owner_of(ours->inode));
}

}  // namespace
}  // namespace portoser::agent::inspection
