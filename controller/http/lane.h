/// Where connections wait for their next request, and where requests that memory answers are
/// served. Inside controller/http only.
///
/// A lane is one thread with one epoll set. Asio's reactor costs a read that fails and a trip
/// through its queue for every request; here a request costs one read and one write, and one wait
/// serves all that came meanwhile. docs/decisions/0008 has the figures. What has to wait for
/// anything but a request leaves the lane for an Asio executor and comes back afterwards.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

namespace portoser::http {

/// What waits on a lane.
class Guest {
 public:
  Guest() = default;
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;
  virtual ~Guest() = default;

  /// There is something to read, or the peer hung up; called again for as long as that is so. On
  /// the lane's thread; must not block.
  virtual void readable() = 0;
};

class Lane {
 public:
  /// Starts the thread. No descriptor left for it: `Error{unavailable}`.
  Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;
  ~Lane();

  /// On the lane's thread: watches the descriptor and keeps the guest until `let_go`. False: the
  /// kernel refused.
  bool watch(int descriptor, std::shared_ptr<Guest> guest);
  /// On the lane's thread: the guest is not watched any more. Its descriptor stays open.
  void let_go(Guest& guest);
  /// Runs `work` on the lane's thread. Any thread. False: the lane has stopped, and `work` is gone.
  bool post(std::function<void()> work);
  /// Runs what was posted, lets all guests go and ends the thread. Not on the lane's thread.
  void stop();

 private:
  struct Watched {
    int descriptor;
    std::shared_ptr<Guest> guest;
  };

  void run();
  void serve(Guest& guest);
  void run_posted();
  [[nodiscard]] bool is_over();

  int events_;
  int wake_;
  std::unordered_map<const Guest*, Watched> guests_;  // the thread's own
  std::mutex mutex_;                                  // guards the next two
  std::vector<std::function<void()>> posted_;
  bool stopping_ = false;
  std::thread thread_;
};

/// The lanes of a server; connections take them in turn.
class Lanes {
 public:
  explicit Lanes(std::size_t count);
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;
  ~Lanes() { stop(); }

  /// Any thread.
  std::shared_ptr<Lane> next();
  void stop();

 private:
  std::vector<std::shared_ptr<Lane>> lanes_;
  std::atomic<std::size_t> turn_{0};
};

}  // namespace portoser::http
