/// Somebody on the network who means no good: with keys that nobody admitted, and with a key that
/// did join but says nothing that can be understood.
#pragma once

#include "tests/cluster/cluster.h"
#include "tests/support/wire_peer.h"

#include <cstdint>
#include <vector>

namespace portoser::test {

class Intruder {
 public:
  /// As a host of the registry: `ClusterOptions::strangers`.
  static constexpr auto name = "intruder";

  /// Joins; the controller must answer.
  explicit Intruder(const Cluster& cluster);

  /// Back at once: what it sends goes on beside what comes next, until the next flood.
  void flood(std::uint64_t seed);

 private:
  Enrolled who_;
  std::vector<WirePeer> peers_;
};

}  // namespace portoser::test
