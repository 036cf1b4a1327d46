#include "tests/support/free_port.h"

#include "common/error.h"
#include "common/file.h"
#include "tests/support/claim.h"

#include <fmt/core.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <mutex>
#include <unistd.h>
#include <utility>
#include <vector>

namespace portoser::test {
namespace {

// Below the ports that Linux hands to outgoing connections (32768 and up), above the well-known
// ones.
constexpr int first_port = 21000;
constexpr int last_port = 32000;

bool is_free(int port) {
  const Descriptor probe{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  // As servers do: without it a connection in TIME_WAIT would count as taken.
  const int on = 1;
  ::setsockopt(probe.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const void* raw = &address;
  return ::bind(probe.get(), static_cast<const sockaddr*>(raw), sizeof address) == 0;
}

}  // namespace

std::uint16_t free_port(int in_a_row) {
  static std::mutex mutex;
  static std::vector<Descriptor> claims;
  static int next = first_port + ::getpid() * 7 % (last_port - first_port);
  const std::lock_guard lock{mutex};
  std::vector<Descriptor> row;
  for (int tried = first_port; tried < last_port; ++tried) {
    next = next + 1 < last_port ? next + 1 : first_port;
    if (next == first_port) row.clear();
    auto port_claim = claim(fmt::format("portoser-test-port-{}", next));
    if (!port_claim.is_open() || !is_free(next)) {
      row.clear();
      continue;
    }
    row.push_back(std::move(port_claim));
    if (std::cmp_equal(row.size(), in_a_row)) {
      for (auto& each : row) claims.push_back(std::move(each));
      return static_cast<std::uint16_t>(next - in_a_row + 1);
    }
  }
  throw Error{Code::unavailable, fmt::format("no {} free ports in a row on loopback", in_a_row)};
}

}  // namespace portoser::test
