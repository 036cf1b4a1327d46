/// A job about several services while it runs: a job for each of them, in the order of their
/// dependencies, side by side where they do not need each other. Its steps are these groups; of
/// several that failed the first is shown so, `results_of` tells them all. On the jobs' executor.
#pragma once

#include "common/describe.h"
#include "common/tasks.h"
#include "controller/deployment/dependencies.h"
#include "controller/deployment/routing.h"
#include "controller/jobs/jobs.h"
#include "controller/registry/watch.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace portoser::deployment {

/// What became of one service in a job about several.
struct PartResult {
  std::string service;
  std::string target;  ///< the host
  std::string action;
  std::optional<bool> success;               ///< none: not over, or never begun
  std::optional<std::string> error;          ///< also why it was not begun
  std::string job_id;                        ///< its own; empty: not begun
  std::optional<std::string> deployment_id;  ///< of its record in the history; none: not over
  std::optional<std::int64_t> duration_ms;
  /// Of a move: what followed it, and what still points at the old host; none: it did not get
  /// there.
  std::optional<std::vector<RoutingResult>> routing;

  /// It goes to a host on which it was not.
  [[nodiscard]] bool is_move() const { return action == "move" || action == "deploy"; }
};
BOOST_DESCRIBE_STRUCT(
    PartResult,
    (),
    (service, target, action, success, error, job_id, deployment_id, duration_ms, routing))

class Sweep {
 public:
  /// Begins the job of a part, for `user`, as a part of the job `parent`.
  using Begin = std::function<asio::awaitable<jobs::Submitted>(
      PartResult part, std::string user, std::string parent)>;

  /// `verb`: what is done with the services, for the message of a failure.
  Sweep(registry::RegistryWatch& registry,
        jobs::Jobs& jobs,
        Begin begin,
        std::shared_ptr<jobs::Run> run,
        std::string verb)
      : registry_(registry),
        jobs_(jobs),
        begin_(std::move(begin)),
        run_(std::move(run)),
        verb_(std::move(verb)) {}

  /// `parts`: one for each service in the waves, in their order. Throws what the job ended with.
  asio::awaitable<void> begin(std::vector<PartResult> parts,
                              const std::vector<Wave>& waves,
                              const DependencyGraph& graph);
  /// After a restart of the controller: waits for what was begun, and begins nothing.
  asio::awaitable<void> resume();

  /// The parts of such a job, in their order.
  static std::vector<PartResult> results_of(const storage::JobRecord& job);
  static std::string text_of(const std::vector<PartResult>& results);
  /// Of the first part that is over; none: none is.
  static std::optional<std::string> first_deployment_of(const std::vector<PartResult>& results);
  /// Does nothing for a job that succeeded. For one that ended badly: throws what it ended with,
  /// with the job ("job_id") and each service that failed as details.
  static void require_success(const storage::JobRecord& job);

 private:
  PartResult& result_of(const std::string& service);
  asio::awaitable<void> handle(const Wave& wave, const DependencyGraph& graph);
  [[nodiscard]] std::optional<std::string> failed_need_of(const PartResult& part,
                                                          const DependencyGraph& graph) const;
  asio::awaitable<void> submit(PartResult& result);
  asio::awaitable<void> await_end(PartResult& result);
  void require_placed(const PartResult& part) const;
  void conclude() const;

  registry::RegistryWatch& registry_;
  jobs::Jobs& jobs_;
  const Begin begin_;
  const std::shared_ptr<jobs::Run> run_;
  const std::string verb_;
  std::vector<PartResult> results_;  ///< in the order in which they are handled
  std::set<std::string> failed_;     ///< those that others may need
  std::string first_failed_step_;
};

}  // namespace portoser::deployment
