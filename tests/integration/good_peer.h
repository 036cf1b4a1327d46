/// A well-behaved host on the wire, played by a thread of the test: it greets, sends samples, does
/// what it is told and notes what it is told. And the proof that it is served while others
/// misbehave.
#pragma once

#include "tests/integration/portoser.h"
#include "tests/support/wire_peer.h"

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

namespace portoser::test {

class GoodPeer {
 public:
  /// Connects; back when it was welcomed.
  explicit GoodPeer(Enrolled who);
  GoodPeer(const GoodPeer&) = delete;
  GoodPeer& operator=(const GoodPeer&) = delete;
  ~GoodPeer();

  [[nodiscard]] const Enrolled& who() const { return who_; }

  /// A sample that is sent from now on is seen in the API, an event is acknowledged, a restart of
  /// `service` succeeds and was carried out here, and the host was never anything but online.
  /// Throws or fails the test otherwise.
  void expect_served(const ControllerProcess& controller, const std::string& service);

 private:
  void run();
  void answer(const protocol::Command& command);

  Enrolled who_;
  WirePeer peer_;
  std::atomic<int> cpu_percent_{1};
  std::atomic<int> events_wanted_{0};
  std::atomic<int> commands_{0};
  std::atomic<std::int64_t> acked_{0};
  std::atomic<std::int64_t> event_sequence_{0};  ///< of the newest event
  std::atomic<bool> is_over_{false};
  std::atomic<bool> is_lost_{false};
  int events_ = 0;             // the thread's
  std::int64_t sequence_ = 0;  // the thread's
  std::string epoch_;
  std::thread thread_;
};

}  // namespace portoser::test
