#include "agent/transfer/channel.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace portoser::agent::transfer {
namespace {

Error broken(std::string_view tried) {
  return transfer_cut(fmt::format("{}: {}", tried, std::strerror(errno)));
}

/// A path may be longer than an address holds.
sockaddr_un address_of(const std::filesystem::path& path, const Descriptor& folder) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  auto name = path.string();
  if (name.size() >= sizeof address.sun_path) {
    name = fmt::format("/proc/self/fd/{}/{}", folder.get(), path.filename().string());
  }
  if (name.size() >= sizeof address.sun_path) {
    throw Error{Code::invalid, path.string() + " cannot be the path of a socket"};
  }
  std::memcpy(address.sun_path, name.c_str(), name.size() + 1);
  return address;
}

/// False: not within the time.
bool await_ready(int descriptor, short events, Channel::Patience patience) {
  const auto limit = patience ? static_cast<int>(patience->count()) : -1;
  pollfd source{descriptor, events, 0};
  for (;;) {
    const int ready = ::poll(&source, 1, limit);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) throw broken("cannot wait for the stream");
    return ready > 0;
  }
}

}  // namespace

Error transfer_cut(const std::string& what) {
  return Error{Code::unavailable, "the transfer was cut: " + what}
      .reason("TRANSFER_CUT")
      .hint("what has arrived is kept; the next attempt goes on from there");
}

Channel::Channel(const std::filesystem::path& socket, const std::string& stream)
    : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (!socket_.is_open()) throw Error{Code::internal, "no socket"};
  const Descriptor folder{::open(socket.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  const auto address = address_of(socket, folder);
  if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw broken("the agent of this host takes no stream at " + socket.string());
  }
  write(stream + "\n");
}

void Channel::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto done = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (done >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(done));
    } else if (errno == EAGAIN) {
      await_ready(socket_.get(), POLLOUT, std::nullopt);
    } else if (errno != EINTR) {
      throw broken("nothing can be sent");
    }
  }
}

std::size_t Channel::receive(char* out, std::size_t size, Patience patience) {
  for (;;) {
    if (!await_ready(socket_.get(), POLLIN, patience)) {
      throw transfer_cut("the other host says nothing");
    }
    const auto got = ::recv(socket_.get(), out, size, MSG_DONTWAIT);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR && errno != EAGAIN) throw broken("nothing can be received");
  }
}

std::string Channel::read_line(Patience patience) {
  // What follows the line may be a child's to read, so nothing beyond it is taken.
  std::string line;
  for (;;) {
    char block[4096];
    if (!await_ready(socket_.get(), POLLIN, patience)) {
      throw transfer_cut("the other host says nothing");
    }
    const auto got = ::recv(socket_.get(), block, sizeof block, MSG_PEEK | MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) throw broken("nothing can be received");
    if (got == 0) throw transfer_cut("the stream ended early");
    const auto* end = std::find(block, block + got, '\n');
    const bool is_whole = end != block + got;
    const auto length = static_cast<std::size_t>(end - block) + (is_whole ? 1 : 0);
    line.append(block, receive(block, length, patience));
    if (line.back() == '\n') {
      line.pop_back();
      return line;
    }
    if (line.size() > line_limit) {
      throw Error{Code::invalid, "the other host sent a line that is too long"};
    }
  }
}

std::size_t Channel::read_some(char* out, std::size_t size) {
  return receive(out, size, std::nullopt);
}

void Channel::end_writing() {
  ::shutdown(socket_.get(), SHUT_WR);
}

void Channel::drain(std::chrono::milliseconds patience) {
  char block[16384];
  try {
    while (receive(block, sizeof block, patience) > 0) {
    }
  } catch (const Error&) {
    // It broke, or says nothing: as good as ended.
  }
}

}  // namespace portoser::agent::transfer
