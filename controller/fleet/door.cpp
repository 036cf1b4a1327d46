#include "controller/fleet/door.h"

#include "common/log.h"

#include <linux/filter.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <utility>

namespace portoser::fleet {
namespace {

/// After a connection that could not be taken.
constexpr std::chrono::seconds recovery{1};

}  // namespace

Door::Door(int listening) : listening_(::fcntl(listening, F_DUPFD_CLOEXEC, 0)) {}

void Door::shut() {
  if (is_shut_ || cannot_shut_) return;
  // A socket filter of one instruction: of every packet keep 0 bytes. On a listening socket that
  // means the packets that would make a connection, and no others.
  sock_filter nothing{BPF_RET | BPF_K, 0, 0, 0};
  const sock_fprog program{1, &nothing};
  if (::setsockopt(listening_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) {
    log::warn(
        "fleet", "new connections cannot be made to wait", {{"reason", std::strerror(errno)}});
    cannot_shut_ = true;
    return;
  }
  is_shut_ = true;
}

void Door::open() {
  if (!std::exchange(is_shut_, false)) return;
  const int unused = 0;
  ::setsockopt(listening_.get(), SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused);
}

void Crowd::came(Uptime now) {
  turn(now);
  ++came_;
  ++strangers_;
}

void Crowd::ended() {
  if (failed_ == 0) return;  // one that was admitted
  --failed_;
  leave();
}

void Crowd::could_not_come(Uptime now) {
  failed_until_ = now + recovery;
}

void Crowd::turn(Uptime now) {
  if (now - span_began_ < limits_.handshake) return;
  came_before_ = now - span_began_ < 2 * limits_.handshake ? came_ : 0;
  came_ = 0;
  span_began_ = now;
}

bool Crowd::is_full(bool is_shut, int lowest_free, Uptime now) {
  turn(now);
  strangers_ = std::min(strangers_, came_ + came_before_);
  failed_ = std::min(failed_, strangers_);
  // Open again only when there is some room, not for each single place.
  const auto most = is_shut ? limits_.strangers - limits_.strangers / 8 : limits_.strangers;
  return strangers_ >= most || lowest_free >= limits_.descriptors || now < failed_until_;
}

}  // namespace portoser::fleet
