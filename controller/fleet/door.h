/// The port of the agents, which can be shut for a while. libzmq takes every connection that comes,
/// has no limit for them, and when the process has no descriptor left its thread asks again and
/// again without a pause. So before it comes to that the kernel is told to let nobody in: what
/// arrives at a shut door is dropped unseen and sent again by its sender's kernel, a second later
/// and then ever more seldom. Connections that stand notice nothing.
#pragma once

#include "common/clock.h"
#include "common/file.h"

#include <cstddef>
#include <cstdint>

namespace portoser::fleet {

class Door {
 public:
  /// Of a socket that listens, which stays its owner's. A kernel that cannot shut it: logged, and
  /// the door is always open.
  explicit Door(int listening);

  void shut();
  void open();
  [[nodiscard]] bool is_shut() const { return is_shut_; }

 private:
  Descriptor listening_;
  bool is_shut_ = false;
  bool cannot_shut_ = false;
};

struct CrowdLimits {
  /// Connections whose handshake has not ended. Each may make libzmq hold a frame of 4 MiB, and
  /// each costs half a millisecond of the thread that serves all agents.
  std::size_t strangers = 1024;
  /// The door is shut when the next descriptor would have this number or a higher one. What waits
  /// in the kernel's queue is still taken then, so it leaves room for that.
  int descriptors = 60000;
  std::chrono::nanoseconds handshake = std::chrono::seconds{5};  ///< then libzmq gives it up
};

/// When the door has to be shut, from what libzmq tells of connections. Pure; one thread.
class Crowd {
 public:
  explicit Crowd(const CrowdLimits& limits) : limits_(limits) {}

  void came(Uptime now);
  void admitted() { leave(); }
  /// The handshake failed; the connection's end follows.
  void failed() { ++failed_; }
  void ended();
  /// None could be taken, for want of descriptors or memory.
  void could_not_come(Uptime now);

  [[nodiscard]] std::size_t strangers() const { return strangers_; }
  /// Whether the door is to be shut. `lowest_free`: the number that a new descriptor would have.
  bool is_full(bool is_shut, int lowest_free, Uptime now);

 private:
  void leave() { strangers_ -= strangers_ > 0 ? 1 : 0; }
  void turn(Uptime now);

  CrowdLimits limits_;
  std::size_t strangers_ = 0;
  std::size_t failed_ = 0;
  Uptime failed_until_{0};
  // A handshake ends within its limit, whatever libzmq told of it: no more strangers than came
  // since the beginning of the span before.
  Uptime span_began_{0};
  std::size_t came_ = 0;
  std::size_t came_before_ = 0;
};

}  // namespace portoser::fleet
