/// Faults at random over a cluster, decided by a seed: the same seed makes the same choices, though
/// not the same microseconds. Remembers what it was promised meanwhile.
#pragma once

#include "tests/cluster/cluster.h"

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace portoser::test {

/// An action that the controller took on.
struct TakenJob {
  std::string id;
  std::string service;
  std::string action;
};

class FaultRun {
 public:
  FaultRun(Cluster& cluster, std::uint64_t seed) : cluster_(cluster), random_(seed) {}

  /// One fault, printed; what was broken before may be mended by it.
  void step();
  /// Mends everything; the engines decide what runs.
  void mend();

  [[nodiscard]] const std::vector<TakenJob>& jobs() const { return jobs_; }
  /// How often the agent of the host was killed, with its host or alone.
  [[nodiscard]] int agent_kills(const ClusterHost& host) const;

 private:
  using Step = void (FaultRun::*)(ClusterHost&);

  [[nodiscard]] std::vector<Step> possible(const ClusterHost& host) const;
  void say(const ClusterHost& host, const std::string& what) const;
  std::size_t any(std::size_t count);

  void act(ClusterHost& host);
  void crash_container(ClusterHost& host);
  void change_cable(ClusterHost& host);
  void kill_agent(ClusterHost& host);
  void freeze_agent(ClusterHost& host);
  void wake_agent(ClusterHost& host);
  void freeze_engine(ClusterHost& host);
  void thaw_engine(ClusterHost& host);
  void crash_engine(ClusterHost& host);
  void start_engine(ClusterHost& host);
  void cut_power(ClusterHost& host);
  void switch_on(ClusterHost& host);
  void kill_controller(ClusterHost& host);
  void start_controller(ClusterHost& host);

  Cluster& cluster_;
  std::mt19937_64 random_;
  int count_ = 0;
  std::map<std::string, int> agent_kills_;
  std::map<std::string, bool> engine_is_frozen_;
  std::map<std::string, bool> agent_is_frozen_;
  std::vector<TakenJob> jobs_;
};

}  // namespace portoser::test
