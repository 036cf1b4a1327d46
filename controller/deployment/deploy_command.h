/// The command with which a host changes a compose service, and returns by itself to what ran
/// before when that goes wrong (docs/decisions/0017). On the jobs' executor.
#pragma once

#include "common/tasks.h"
#include "controller/jobs/run.h"
#include "protocol/commands.h"

#include <chrono>
#include <memory>

namespace portoser::deployment {

/// How long a change may take, and how long health may take to come after it.
struct DeployLimits {
  std::chrono::seconds change{1800};
  std::chrono::seconds health{120};
};

/// Runs it as the job's command; what runs afterwards is kept on the host under the id that the job
/// has in the history. Throws what it ended with.
asio::awaitable<void> deploy(std::shared_ptr<jobs::Run> run,
                             protocol::ComposeDeploy command,
                             DeployLimits limits);

}  // namespace portoser::deployment
