#include "tests/unit/transfer/relay.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <stdexcept>
#include <unistd.h>
#include <utility>

namespace portoser::agent::transfer {
namespace {

/// Empty: it hung up.
std::string first_line(int connection) {
  std::string line;
  char letter = 0;
  while (::recv(connection, &letter, 1, 0) == 1) {
    if (letter == '\n') return line;
    line += letter;
  }
  return {};
}

}  // namespace

Relay::Relay(std::filesystem::path socket)
    : socket_(std::move(socket)), listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const Descriptor folder{::open(socket_.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // Its path may be longer than an address holds.
  const auto name = fmt::format("/proc/self/fd/{}/{}", folder.get(), socket_.filename().string());
  std::memcpy(address.sun_path, name.c_str(), name.size() + 1);
  if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_.get(), 16) != 0) {
    throw std::runtime_error{"the relay cannot listen"};
  }
  accepting_ = std::thread{[this] { accept_all(); }};
}

Relay::~Relay() {
  ::shutdown(listener_.get(), SHUT_RDWR);
  accepting_.join();
  {
    const std::lock_guard lock{mutex_};
    waiting_.clear();
    for (const auto& [id, both] : joined_) {
      ::shutdown(both.first.get(), SHUT_RDWR);
      ::shutdown(both.second.get(), SHUT_RDWR);
    }
  }
  for (auto& copy : copies_) copy.join();
}

std::vector<std::string> Relay::streams() {
  const std::lock_guard lock{mutex_};
  return order_;
}

void Relay::accept_all() {
  for (;;) {
    Descriptor connection{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    if (!connection.is_open()) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      return;
    }
    const auto id = first_line(connection.get());
    if (!id.empty()) join(id, std::move(connection));
  }
}

void Relay::join(const std::string& id, Descriptor connection) {
  const std::lock_guard lock{mutex_};
  const auto found = waiting_.find(id);
  if (found == waiting_.end()) {
    waiting_.emplace(id, std::move(connection));
    return;
  }
  auto& both = joined_[id];
  both.first = std::move(found->second);
  both.second = std::move(connection);
  waiting_.erase(found);
  order_.push_back(id);
  const int first = both.first.get();
  const int second = both.second.get();
  copies_.emplace_back([this, first, second] {
    // Closed by the destructor alone: a number that is used again would be somebody else's.
    std::thread back{[this, first, second] { copy(second, first); }};
    copy(first, second);
    back.join();
    ::shutdown(first, SHUT_RDWR);
    ::shutdown(second, SHUT_RDWR);
  });
}

void Relay::copy(int from, int to) {
  std::string block(std::size_t{64} << 10U, '\0');
  for (;;) {
    const auto got = ::recv(from, block.data(), block.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    passed_ += got;
    if (left_.fetch_sub(got) < got) {
      left_ = std::numeric_limits<std::int64_t>::max();
      ::shutdown(from, SHUT_RDWR);
      ::shutdown(to, SHUT_RDWR);
      return;
    }
    std::size_t done = 0;
    while (done < static_cast<std::size_t>(got)) {
      const auto put =
          ::send(to, block.data() + done, static_cast<std::size_t>(got) - done, MSG_NOSIGNAL);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) {
        ::shutdown(from, SHUT_RDWR);
        return;
      }
      done += static_cast<std::size_t>(put);
    }
  }
  ::shutdown(to, SHUT_WR);
}

}  // namespace portoser::agent::transfer
