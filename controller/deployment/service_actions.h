/// Start, stop, restart and rebuild of a service on the host where the registry has it: each a job
/// with one command, and a record in the history. What starts or changes something looks first
/// whether it would fail. On the jobs' executor.
#pragma once

#include "common/describe.h"
#include "common/tasks.h"
#include "controller/deployment/preflight.h"
#include "controller/deployment/recording.h"
#include "controller/fleet/fleet.h"
#include "controller/jobs/jobs.h"
#include "controller/registry/watch.h"

#include <chrono>
#include <memory>
#include <string>

namespace portoser::deployment {

enum class Action { start, stop, restart, rebuild };
BOOST_DESCRIBE_ENUM(Action, start, stop, restart, rebuild)

/// How long each may take on its host; the agent ends what takes longer.
struct ActionLimits {
  std::chrono::seconds start{120};
  std::chrono::seconds stop{120};
  std::chrono::seconds restart{300};
  std::chrono::seconds rebuild{1800};
  std::chrono::seconds health{120};  ///< in which health must come after a rebuild, or it is undone

  [[nodiscard]] std::chrono::seconds of(Action action) const;
};

class ServiceActions {
 public:
  /// Registers its kinds of jobs with `jobs`.
  ServiceActions(registry::RegistryWatch& registry,
                 fleet::Fleet& fleet,
                 jobs::Jobs& jobs,
                 Preflight& preflight,
                 Recording& recording,
                 ActionLimits limits = {});

  /// Begins the job, or joins an identical one. What can be known before is refused before: unknown
  /// service (`not_found`); a broken entry, no host, a rebuild of what is not built, nobody who
  /// would run the commands of its service.yml (`invalid`: SERVICE_MISCONFIGURED,
  /// SERVICE_UNASSIGNED, KIND_NOT_SUPPORTED, SERVICE_USER_MISSING); host away (`unavailable`:
  /// AGENT_OFFLINE, AGENT_MISSING); another job for it (`conflict`: BUSY).
  /// `parent`: the job that this one is a part of; empty: none.
  asio::awaitable<jobs::Submitted> begin(Action action,
                                         std::string service,
                                         std::string user,
                                         std::string parent = {});

  /// Does nothing for a job that succeeded. For one that ended badly: throws what it ended with,
  /// with the job ("job_id"), the step that failed ("step") and the last lines of the tool
  /// ("output") as details. What a host could not do is `bad_gateway`, whatever the host calls it;
  /// what is away, too slow, cancelled or busy keeps its code, and so does what was refused here.
  static void require_success(const storage::JobRecord& job);

 private:
  asio::awaitable<void> carry_out(Action action, std::shared_ptr<jobs::Run> run);

  registry::RegistryWatch& registry_;
  fleet::Fleet& fleet_;
  jobs::Jobs& jobs_;
  Preflight& preflight_;
  Recording& recording_;
  const ActionLimits limits_;
};

}  // namespace portoser::deployment
