/// Everything that is connected, so that it can be timed and stopped. Any thread.
#pragma once

#include "common/clock.h"

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace portoser::http {

/// A connection or a socket. Both calls come from any thread and must only pass on what is to be
/// done.
class Peer {
 public:
  Peer() = default;
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  virtual ~Peer() = default;

  /// Looks at its own deadlines. One timer for all peers is cheaper than one for each request.
  virtual void tick(Uptime now) = 0;
  /// Ends when idle, or after what is under way.
  virtual void stop() = 0;
  /// Ends now.
  virtual void abort() = 0;
};

class Peers {
 public:
  void add(const std::shared_ptr<Peer>& peer);
  void remove(const Peer* peer);
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::vector<std::shared_ptr<Peer>> all() const;

 private:
  mutable std::mutex mutex_;
  std::unordered_map<const Peer*, std::weak_ptr<Peer>> peers_;
};

/// How many sockets are open, together and for each user.
class SocketCount {
 public:
  /// 0: no limit for a user.
  SocketCount(std::size_t limit, std::size_t limit_per_user)
      : limit_(limit), limit_per_user_(limit_per_user) {}

  /// False: the limit is reached.
  bool take(const std::string& user);
  void give_back(const std::string& user);

 private:
  std::size_t limit_;
  std::size_t limit_per_user_;
  std::mutex mutex_;
  std::size_t total_ = 0;
  std::unordered_map<std::string, std::size_t> by_user_;
};

}  // namespace portoser::http
