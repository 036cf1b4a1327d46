#include "tests/support/claim.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>

namespace portoser::test {

Descriptor claim(std::string_view name) {
  Descriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // The first byte stays 0: that is what makes the name an abstract one.
  const auto used = std::min(name.size(), sizeof address.sun_path - 1);
  std::copy_n(name.begin(), used, address.sun_path + 1);
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + used);
  const void* raw = &address;
  if (::bind(socket.get(), static_cast<const sockaddr*>(raw), length) != 0) return Descriptor{};
  return socket;
}

}  // namespace portoser::test
