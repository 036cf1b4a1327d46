#include "agent/streams/listen.h"

#include "common/error.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <fcntl.h>
#include <string>
#include <system_error>

namespace portoser::agent::streams {
namespace {

constexpr int backlog = 16;

[[noreturn]] void fail(std::string_view tried, const std::filesystem::path& path) {
  throw Error{Code::internal, system_error_text(tried, path)};
}

}  // namespace

Descriptor listen_at(const std::filesystem::path& path) {
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  auto name = path.string();
  Descriptor folder;
  if (name.size() >= sizeof address.sun_path) {
    folder = Descriptor{::open(path.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (!folder.is_open()) fail("cannot open", path.parent_path());
    name = "/proc/self/fd/" + std::to_string(folder.get()) + "/" + path.filename().string();
    if (name.size() >= sizeof address.sun_path) {
      throw Error{Code::internal, "the name of the socket is too long", path.string()};
    }
  }
  std::memcpy(address.sun_path, name.c_str(), name.size() + 1);
  Descriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!socket.is_open()) fail("cannot make a socket for", path);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    fail("cannot bind", path);
  }
  // Before it listens nobody can connect.
  if (::chmod(name.c_str(), S_IRUSR | S_IWUSR) != 0) fail("cannot change the mode of", path);
  if (::listen(socket.get(), backlog) != 0) fail("cannot listen on", path);
  return socket;
}

}  // namespace portoser::agent::streams
