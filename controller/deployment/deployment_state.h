/// What is staged, what is under way and what was done last, in one picture. On the jobs' executor.
#pragma once

#include "common/clock.h"
#include "common/describe.h"
#include "common/tasks.h"
#include "controller/deployment/pending_moves.h"
#include "controller/history/history.h"
#include "controller/jobs/jobs.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace portoser::deployment {

struct RunningDeployment {
  std::string job_id;
  std::string kind;
  std::int64_t current_operation = 1;
  std::int64_t total_operations = 1;
  std::int64_t progress = 0;  ///< 0 to 100
  std::string current_step;
  std::vector<std::string> logs;  ///< the newest 50 lines
  std::optional<std::string> error;
  std::optional<Time> started_at;
};
BOOST_DESCRIBE_STRUCT(RunningDeployment,
                      (),
                      (job_id,
                       kind,
                       current_operation,
                       total_operations,
                       progress,
                       current_step,
                       logs,
                       error,
                       started_at))

struct LastDeployment {
  std::string deployment_id;
  bool success = false;
  std::optional<Time> finished_at;
};
BOOST_DESCRIBE_STRUCT(LastDeployment, (), (deployment_id, success, finished_at))

struct DeploymentState {
  std::string state = "idle";  ///< running; pending: moves are staged; failed: the last one did
  std::vector<StagedMove> pending_moves;
  std::vector<StagedMove> moves;  ///< the same
  std::int64_t total_operations = 0;
  std::optional<RunningDeployment> running;
  std::vector<std::string> queued;  ///< other jobs under way
  std::optional<LastDeployment> last;
  bool dry_run = false;
  std::optional<Time> updated_at;  ///< none: nothing was ever staged or done
};
BOOST_DESCRIBE_STRUCT(
    DeploymentState,
    (),
    (state, pending_moves, moves, total_operations, running, queued, last, dry_run, updated_at))

class DeploymentStates {
 public:
  DeploymentStates(PendingMoves& pending, jobs::Jobs& jobs, history::History& history)
      : pending_(pending), jobs_(jobs), history_(history) {}

  asio::awaitable<DeploymentState> now();

 private:
  asio::awaitable<RunningDeployment> describe(storage::JobRecord job,
                                              std::vector<storage::JobRecord> parts);
  asio::awaitable<std::vector<std::string>> newest_lines(std::vector<storage::JobRecord> jobs);

  PendingMoves& pending_;
  jobs::Jobs& jobs_;
  history::History& history_;
};

}  // namespace portoser::deployment
