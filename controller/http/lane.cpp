#include "controller/http/lane.h"

#include "common/error.h"
#include "common/log.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace portoser::http {
namespace {

int required(int descriptor) {
  if (descriptor >= 0) return descriptor;
  throw Error{
      Code::unavailable,
      fmt::format("cannot wait for connections: {}", std::generic_category().message(errno)),
      "http"}
      .hint("raise the limit of open files");
}

}  // namespace

Lane::Lane() : events_(required(::epoll_create1(EPOLL_CLOEXEC))), wake_(-1) {
  try {
    wake_ = required(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = nullptr;
    required(::epoll_ctl(events_, EPOLL_CTL_ADD, wake_, &event));
    thread_ = std::thread{[this] { run(); }};
  } catch (...) {
    ::close(events_);
    if (wake_ >= 0) ::close(wake_);
    throw;
  }
}

Lane::~Lane() {
  stop();
  ::close(events_);
  ::close(wake_);
}

bool Lane::watch(int descriptor, std::shared_ptr<Guest> guest) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = guest.get();
  if (::epoll_ctl(events_, EPOLL_CTL_ADD, descriptor, &event) != 0) return false;
  const auto* key = guest.get();
  guests_.insert_or_assign(key, Watched{descriptor, std::move(guest)});
  return true;
}

void Lane::let_go(Guest& guest) {
  const auto entry = guests_.find(&guest);
  if (entry == guests_.end()) return;
  // Closing would not be enough: a child process that is being started may hold a copy.
  ::epoll_ctl(events_, EPOLL_CTL_DEL, entry->second.descriptor, nullptr);
  // The guest may end with this, and with it the map's entry would be touched again.
  const auto last = std::move(entry->second.guest);
  guests_.erase(entry);
}

bool Lane::post(std::function<void()> work) {
  {
    const std::lock_guard lock{mutex_};
    if (stopping_) return false;
    posted_.push_back(std::move(work));
    if (posted_.size() > 1) return true;  // the thread was woken already
  }
  ::eventfd_write(wake_, 1);
  return true;
}

void Lane::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  ::eventfd_write(wake_, 1);
  if (thread_.joinable()) thread_.join();
}

void Lane::run() {
  std::array<epoll_event, 128> events{};
  for (;;) {
    const int count = ::epoll_wait(events_, events.data(), static_cast<int>(events.size()), -1);
    bool is_woken = false;
    for (int i = 0; i < count; ++i) {
      auto* guest = static_cast<Guest*>(events.at(static_cast<std::size_t>(i)).data.ptr);
      // A guest only ever ends itself, so those of later events are still there. What may end
      // others was posted, and comes after this loop.
      if (guest == nullptr) {
        is_woken = true;
      } else {
        serve(*guest);
      }
    }
    if (!is_woken) continue;
    eventfd_t times = 0;
    ::eventfd_read(wake_, &times);
    run_posted();
    if (is_over()) break;
  }
  guests_.clear();
}

void Lane::serve(Guest& guest) {
  try {
    guest.readable();
  } catch (const std::exception& error) {
    log::error("http", "connection failed unexpectedly", {{"reason", error.what()}});
    let_go(guest);
  }
}

void Lane::run_posted() {
  std::vector<std::function<void()>> work;
  {
    const std::lock_guard lock{mutex_};
    work.swap(posted_);
  }
  for (auto& one : work) {
    try {
      one();
    } catch (const std::exception& error) {
      log::error("http", "connection failed unexpectedly", {{"reason", error.what()}});
    }
  }
}

bool Lane::is_over() {
  const std::lock_guard lock{mutex_};
  return stopping_ && posted_.empty();
}

Lanes::Lanes(std::size_t count) {
  for (std::size_t i = 0; i < std::max<std::size_t>(count, 1); ++i) {
    lanes_.push_back(std::make_shared<Lane>());
  }
}

std::shared_ptr<Lane> Lanes::next() {
  return lanes_[turn_++ % lanes_.size()];
}

void Lanes::stop() {
  for (const auto& lane : lanes_) lane->stop();
}

}  // namespace portoser::http
