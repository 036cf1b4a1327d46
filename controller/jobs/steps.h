/// How the steps of a job go on. They are done one after the other, and a host that comes back
/// tells of its steps once more, so a step that has begun never goes back. The names of a job's
/// steps are unique.
#pragma once

#include "common/clock.h"
#include "controller/storage/job_store.h"

#include <string>
#include <string_view>
#include <vector>

namespace portoser::jobs {

using Steps = std::vector<storage::JobStep>;

/// Which steps will follow, in order. Those that are there stay as they are. False: nothing is new.
bool plan_steps(Steps& steps, const std::vector<std::string>& names);

/// The name of the step under way; empty: none is.
std::string running_step(const Steps& steps);

/// The step begins, and the one before it has succeeded. False: it had begun already.
bool begin_step(Steps& steps, std::string_view name, Time now);

/// The one under way has failed, and others follow all the same. False: none is under way.
bool fail_step(Steps& steps, const std::string& message, Time now);

/// All were done; of those that nobody told of the times stay unknown.
void complete_steps(Steps& steps, Time now);

/// The job ended badly in the step `failed`, or in the one under way when that is empty; what comes
/// after it is skipped. May be called again when more is known.
void fail_steps(Steps& steps, std::string_view failed, const std::string& message, Time now);

}  // namespace portoser::jobs
