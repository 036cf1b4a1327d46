/// Start, stop and restart of all services of a host: a job that has a job for each of them, in the
/// order of their dependencies, side by side where they do not need each other. Its steps are these
/// groups; of several that failed the first is shown so, `results_of` tells them all. On the jobs'
/// executor.
#pragma once

#include "common/describe.h"
#include "common/tasks.h"
#include "controller/deployment/service_actions.h"
#include "controller/fleet/fleet.h"
#include "controller/jobs/jobs.h"
#include "controller/registry/watch.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace portoser::deployment {

/// What became of one service in a job about several.
struct PartResult {
  std::string service;
  std::string target;  ///< the host
  std::string action;
  std::optional<bool> success;       ///< none: not over, or never begun
  std::optional<std::string> error;  ///< also why it was not begun
  std::string job_id;                ///< its own; empty: not begun
  std::optional<std::int64_t> duration_ms;
};
BOOST_DESCRIBE_STRUCT(PartResult,
                      (),
                      (service, target, action, success, error, job_id, duration_ms))

class HostActions {
 public:
  /// Registers its kinds of jobs with `jobs`.
  HostActions(registry::RegistryWatch& registry,
              fleet::Fleet& fleet,
              jobs::Jobs& jobs,
              ServiceActions& actions);

  /// Begins the job, or joins an identical one. Not for `rebuild`. What can be known before is
  /// refused before: unknown host (`not_found`), host away (`unavailable`), services that need each
  /// other (`conflict`, DEPENDENCY_CYCLE), another job for the host (`conflict`, BUSY). A host
  /// without services: a job that has nothing to do.
  asio::awaitable<jobs::Submitted> begin(Action action, std::string host, std::string user);

  /// Does nothing for a job that succeeded. For one that ended badly: throws what it ended with,
  /// with the job ("job_id") and each service that failed as details.
  static void require_success(const storage::JobRecord& job);
  /// The parts of such a job, in their order.
  static std::vector<PartResult> results_of(const storage::JobRecord& job);

 private:
  class Sweep;
  asio::awaitable<void> carry_out(Action action, std::shared_ptr<jobs::Run> run);

  registry::RegistryWatch& registry_;
  fleet::Fleet& fleet_;
  jobs::Jobs& jobs_;
  ServiceActions& actions_;
};

}  // namespace portoser::deployment
