/// The preflight as the first step of a job. On the jobs' executor.
#pragma once

#include "common/tasks.h"
#include "controller/deployment/preflight.h"
#include "controller/deployment/recording.h"
#include "controller/jobs/run.h"

#include <memory>
#include <string>

namespace portoser::deployment {

/// What it finds goes into the job's log and record. An error ends the job: "notes is not
/// `participle`: …".
asio::awaitable<void> look_first(Preflight& preflight,
                                 Recording& recording,
                                 std::shared_ptr<jobs::Run> run,
                                 PreflightWish wish,
                                 std::string participle);

}  // namespace portoser::deployment
