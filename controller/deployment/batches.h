/// Moves that are carried out: one job for all of them, with a job for each (sweep.h). Services
/// that are where they shall be are restarted, or started. On the jobs' executor.
#pragma once

#include "common/tasks.h"
#include "controller/deployment/file_dependencies.h"
#include "controller/deployment/mover.h"
#include "controller/deployment/moves.h"
#include "controller/deployment/pending_moves.h"
#include "controller/deployment/planner.h"
#include "controller/deployment/service_actions.h"
#include "controller/deployment/sweep.h"
#include "controller/jobs/jobs.h"
#include "controller/registry/watch.h"

#include <boost/asio/steady_timer.hpp>

#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace portoser::deployment {

class Batches {
 public:
  static constexpr auto kind = "deploy_batch";

  /// Registers its kind of jobs with `jobs`.
  Batches(registry::RegistryWatch& registry,
          jobs::Jobs& jobs,
          ServiceActions& actions,
          Mover& mover,
          Planner& planner,
          PendingMoves& pending,
          const FileDependencies& files);

  /// Begins the job, or joins an identical one. Without moves: those that are staged. All of them
  /// are looked at before anything is touched; refused as `check_moves` and `require_fresh` do;
  /// something stands against one (`invalid`, or `unavailable` for what is away, with the reason of
  /// the first and each as a detail);
  /// another job for one of the services (`conflict`, BUSY). What was done leaves the staged moves.
  /// `Sweep` says what became of the job.
  asio::awaitable<jobs::Submitted> begin(std::vector<Move> moves, std::string user);

  /// Without moves: those that are staged. None are: `Error{invalid}`.
  asio::awaitable<std::vector<Move>> given_or_staged(std::vector<Move> moves);

 private:
  /// A request that is being looked at; identical ones wait for what comes of it.
  struct Looking {
    std::vector<std::shared_ptr<asio::steady_timer>> waiting;
    std::optional<jobs::Submitted> submitted;
    std::exception_ptr refusal;
  };

  asio::awaitable<jobs::Submitted> begin_checked(std::vector<Move> moves, jobs::Request request);
  static asio::awaitable<jobs::Submitted> outcome_of(std::shared_ptr<Looking> looking);
  void require_free(const Plan& plan) const;
  void require_placed(const Plan& plan) const;
  asio::awaitable<jobs::Submitted> begin_part(std::string what,
                                              Move move,
                                              std::string user,
                                              std::string parent);
  asio::awaitable<void> carry_out(std::shared_ptr<jobs::Run> run);
  asio::awaitable<void> take_out_done(const storage::JobRecord& job);

  registry::RegistryWatch& registry_;
  jobs::Jobs& jobs_;
  ServiceActions& actions_;
  Mover& mover_;
  Planner& planner_;
  PendingMoves& pending_;
  const FileDependencies& files_;
  std::map<std::string, std::shared_ptr<Looking>> looking_;  ///< by what was asked for
};

}  // namespace portoser::deployment
