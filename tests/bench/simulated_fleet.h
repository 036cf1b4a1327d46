/// Many hosts in one process, each with its own key and its own CURVE connection to the controller,
/// as agents have them: a hello, a state, then a sample each interval, at times that are spread. It
/// makes up what it measures, and carries out nothing.
#pragma once

#include "tests/bench/made_up_host.h"
#include "tests/integration/portoser.h"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace portoser::bench {

struct FleetSize {
  std::size_t hosts = 100;
  std::size_t services = 5;  ///< of each host
};

class SimulatedFleet {
 public:
  SimulatedFleet(FleetSize size, std::chrono::milliseconds interval);
  SimulatedFleet(const SimulatedFleet&) = delete;
  SimulatedFleet& operator=(const SimulatedFleet&) = delete;
  ~SimulatedFleet();

  /// A registry.yml with all of them.
  [[nodiscard]] std::string registry() const;
  /// All join, one after the other, with a token that may be used so often. Then `connect`.
  void join(const std::string& token);
  /// Opens all connections, each at a random time within `spread`; those that are open are given up
  /// first, as by agents whose controller went away.
  void connect(std::chrono::milliseconds spread);

  /// Hosts whose newest connection was welcomed.
  [[nodiscard]] std::size_t welcomed() const { return welcomed_; }
  [[nodiscard]] std::uint64_t samples_sent() const { return sent_; }
  /// Samples that the socket did not take.
  [[nodiscard]] std::uint64_t samples_dropped() const { return dropped_; }
  [[nodiscard]] std::size_t values_a_sample() const {
    return values_of_host + size_.services * values_of_service;
  }

 private:
  struct Member;
  struct Wire;
  using Clock = std::chrono::steady_clock;

  void run();
  void open(Member& member);
  void visit(Member& member, Clock::time_point now);
  void hear(Member& member);

  FleetSize size_;
  std::chrono::milliseconds interval_;
  std::unique_ptr<Wire> wire_;
  std::vector<std::unique_ptr<Member>> members_;
  std::atomic<std::int64_t> spread_ms_{-1};  ///< of a `connect` that is asked for
  std::atomic<std::size_t> welcomed_{0};
  std::atomic<std::uint64_t> sent_{0};
  std::atomic<std::uint64_t> dropped_{0};
  std::atomic<bool> is_over_{false};
  std::thread thread_;
};

}  // namespace portoser::bench
