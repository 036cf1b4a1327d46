#include "common/notify.h"

#include "common/file.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace portoser {

void notify_service_manager(std::string_view state) {
  const char* name = std::getenv("NOTIFY_SOCKET");
  if (name == nullptr) return;
  const std::string_view path{name};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path.data(), path.size());
  // A name that begins with @ is no file.
  if (path.front() == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const Descriptor socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  if (!socket.is_open()) return;
  const void* raw = &address;
  // Nobody can be told that nobody was told: the manager's own limit for starting says so.
  [[maybe_unused]] const auto sent = ::sendto(socket.get(),
                                              state.data(),
                                              state.size(),
                                              MSG_NOSIGNAL,
                                              static_cast<const sockaddr*>(raw),
                                              length);
}

}  // namespace portoser
