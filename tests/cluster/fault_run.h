/// Faults at random over a cluster, decided by a seed: the same seed makes the same choices, though
/// not the same microseconds. Remembers what it was promised meanwhile, and what it did to whom.
#pragma once

#include "tests/cluster/cluster.h"
#include "tests/cluster/crash_by_hand.h"
#include "tests/cluster/fault_watch.h"
#include "tests/cluster/intruder.h"

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
  std::int64_t taken_us = 0;
  bool must_succeed = false;  ///< nothing stood in its way
};

/// What happened to a host, for the checker.
struct HostHistory {
  /// Ends of its agent after which the next one may not know what was told: killed, or stopped
  /// while the disk of its data was full.
  int agent_ends = 0;
  /// When it ended with a disk that may not have taken its checkpoint: the next one goes on from an
  /// older one.
  std::vector<std::int64_t> forgetful_ends;
  /// Samples from before that may be lost: its agent ended, which held some in memory alone, or a
  /// disk took nothing, its own or the controller's.
  std::int64_t samples_kept_from_us = 0;
  std::vector<CrashByHand> crashes;
  std::vector<Watch> watch;
};

class FaultRun {
 public:
  /// A cluster with small disks, images that are built, and a place for the stranger.
  static ClusterOptions needs(std::uint64_t seed);

  FaultRun(Cluster& cluster, std::uint64_t seed);

  /// One fault, printed; what was broken before may be mended by it.
  void step();
  /// Mends everything; the engines decide what runs.
  void mend();
  /// After that a cluster does what it is told, whatever it went through: a restart of each service
  /// is taken on. Throws when one is not.
  void restart_all();
  /// How often each kind happened, those too that did not.
  void print_counts() const;

  [[nodiscard]] const std::vector<TakenJob>& jobs() const { return jobs_; }
  [[nodiscard]] const HostHistory& history(const ClusterHost& host) const {
    return history_.at(host.name());
  }
  /// Programs of ours that ended though nobody ended them: a sentence for each.
  [[nodiscard]] const std::vector<std::string>& deaths() const { return deaths_; }

 private:
  /// What decides which faults are possible.
  struct Situation {
    bool is_on = true;
    bool engine_runs = true;
    bool engine_is_frozen = false;
    bool agent_runs = true;
    bool agent_is_frozen = false;
    bool agent_disk_is_full = false;
    bool controller_runs = true;
    bool controller_is_frozen = false;
    bool controller_disk_is_full = false;
  };
  struct Fault {
    const char* kind;
    int weight;  ///< against those of the others
    bool (*is_possible)(const Situation&);
    void (FaultRun::*happen)(ClusterHost&);
  };
  static const std::vector<Fault>& kinds();

  /// How a host is meant to be.
  struct Meant {
    bool agent_runs = true;
    bool agent_is_frozen = false;
    bool engine_is_frozen = false;
    bool disk_is_full = false;
    std::int64_t disk_freed_us = 0;
    std::int64_t agent_started_us = 0;
  };

  [[nodiscard]] Situation situation_of(const ClusterHost& host) const;
  const Fault& choose(const Situation& situation);
  [[nodiscard]] bool controller_answers() const;
  void say(const ClusterHost& host, const std::string& what) const;
  std::size_t any(std::size_t count);
  void look_for_deaths();
  /// Around whatever ends, starts, freezes or thaws an engine or an agent.
  void begin_change(const ClusterHost& host, bool engine_forgets = false);
  void end_change(const ClusterHost& host);
  [[nodiscard]] bool is_kept(const ClusterHost& host) const;
  /// Before the agent ends; `in_order`: it can keep its checkpoint if the disk takes it.
  void note_end_of_agent(const ClusterHost& host, bool in_order = false);
  void note_room(const ClusterHost& host);
  void note_room_of_controller();

  /// The answer's text; a job that is new is remembered.
  std::string ask_for_restart(const ClusterHost& host);
  void act(ClusterHost& host);
  void change_cable(ClusterHost& host);
  void crash_container(ClusterHost& host);
  void kill_container(ClusterHost& host);
  void strike(const ClusterHost& host, Weapon weapon);

  void kill_agent(ClusterHost& host);
  void stop_agent(ClusterHost& host);
  void start_agent(ClusterHost& host);
  void freeze_agent(ClusterHost& host);
  void thaw_agent(ClusterHost& host);
  void fill_agent_disk(ClusterHost& host);
  void free_agent_disk(ClusterHost& host);

  void freeze_engine(ClusterHost& host);
  void thaw_engine(ClusterHost& host);
  void crash_engine(ClusterHost& host);
  void stop_engine(ClusterHost& host);
  void start_engine(ClusterHost& host);

  void cut_power(ClusterHost& host);
  void switch_on(ClusterHost& host);
  void switch_on_without_engine(ClusterHost& host);

  void kill_controller(ClusterHost& host);
  void stop_controller(ClusterHost& host);
  void start_controller(ClusterHost& host);
  void freeze_controller(ClusterHost& host);
  void thaw_controller(ClusterHost& host);
  void fill_controller_disk(ClusterHost& host);
  void free_controller_disk(ClusterHost& host);
  void flood_controller(ClusterHost& host);

  Cluster& cluster_;
  std::mt19937_64 random_;
  Intruder intruder_;
  int count_ = 0;
  std::map<std::string, int> counts_;  ///< by kind
  std::map<std::string, Meant> meant_;
  bool controller_runs_ = true;
  bool controller_is_frozen_ = false;
  bool controller_disk_is_full_ = false;
  std::map<std::string, HostHistory> history_;
  std::vector<std::string> deaths_;
  std::vector<TakenJob> jobs_;
};

}  // namespace portoser::test
