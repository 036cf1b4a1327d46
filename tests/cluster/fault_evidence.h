/// What three witnesses say after a run of faults: the engines (what runs), the agents' logs (every
/// durable message that they made) and the controller (its database and its answers).
#pragma once

#include "tests/cluster/fault_run.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace portoser::test {

/// A durable message, as its agent wrote it down.
struct Made {
  std::string epoch;
  std::int64_t sequence = 0;
  std::string type;  ///< "event" or "result"
  std::string mark;  ///< an event's origin, a result's command
  /// The agent's disk was full, and the agent ended before it could be written: docs/guarantees.md
  /// promises it only "while the agent lives".
  bool may_be_lost = false;
};

/// An event or a result in the database.
struct Stored {
  std::int64_t id = 0;
  std::string epoch;
  std::int64_t sequence = 0;
  std::string scope;
  std::string mark;
  std::string type;  ///< "failure", "stop" ...; of a result "succeeded" or "failed"
  std::string service;
  std::int64_t time_us = 0;
  std::string reason{};  ///< of a result that failed
};

struct HostEvidence {
  std::string name;
  std::string service;
  std::vector<Made> made;
  std::vector<Stored> stored;  ///< by id
  int agent_ends = 0;          ///< as in `HostHistory`
  std::vector<std::int64_t> forgetful_ends;
  std::vector<CrashByHand> crashes;
  std::vector<Watch> watch;
  bool runs = false;               ///< the service, as the engine says
  std::string status;              ///< as the controller shows it
  std::uintmax_t spool_bytes = 0;  ///< what the agent still keeps for the controller
  /// In the database, of the last quarter of an hour: the controller's time in ms, by number.
  std::map<std::int64_t, std::int64_t> sample_times;
  std::vector<std::int64_t> samples_twice;  ///< their numbers
  std::int64_t samples_kept_from_us = 0;    ///< as in `HostHistory`
};

struct JobEvidence {
  std::string id;
  std::string state;               ///< as /api/jobs shows it
  std::vector<std::string> calls;  ///< that it had compose carry out
  std::string service;
  std::int64_t taken_us = 0;
  std::int64_t ended_us = 0;  ///< 0: nobody knows
  bool must_succeed = false;
};

struct Evidence {
  std::vector<HostEvidence> hosts;
  std::vector<JobEvidence> jobs;
  std::vector<std::string> own_jobs;  ///< those that the cluster began to be whole
  std::vector<ComposeCall> calls;     ///< all that compose was called for
  std::string integrity;              ///< what SQLite says of the database: "ok"
  std::vector<std::string> deaths;    ///< as in `FaultRun`
};

/// Waits until the cluster is at rest (every job has ended, every message has arrived, services are
/// shown as they are), but not for ever: what never comes is missing in the evidence.
Evidence gather(const Cluster& cluster, const FaultRun& run);

}  // namespace portoser::test
