/// Start, stop and restart of all services of a host: a job that has a job for each of them
/// (sweep.h). On the jobs' executor.
#pragma once

#include "common/tasks.h"
#include "controller/deployment/file_dependencies.h"
#include "controller/deployment/service_actions.h"
#include "controller/fleet/fleet.h"
#include "controller/jobs/jobs.h"
#include "controller/registry/watch.h"

#include <memory>
#include <string>

namespace portoser::deployment {

class HostActions {
 public:
  /// Registers its kinds of jobs with `jobs`.
  HostActions(registry::RegistryWatch& registry,
              fleet::Fleet& fleet,
              jobs::Jobs& jobs,
              ServiceActions& actions,
              const FileDependencies& files);

  /// Begins the job, or joins an identical one. Not for `rebuild`. What can be known before is
  /// refused before: unknown host (`not_found`), host away (`unavailable`), of a start or a
  /// restart services that need each other (`conflict`, DEPENDENCY_CYCLE), another job for the host
  /// (`conflict`, BUSY). A host without services: a job that has nothing to do. `Sweep` says what
  /// became of one.
  asio::awaitable<jobs::Submitted> begin(Action action, std::string host, std::string user);

 private:
  asio::awaitable<void> carry_out(Action action, std::shared_ptr<jobs::Run> run);

  registry::RegistryWatch& registry_;
  fleet::Fleet& fleet_;
  jobs::Jobs& jobs_;
  ServiceActions& actions_;
  const FileDependencies& files_;
};

}  // namespace portoser::deployment
