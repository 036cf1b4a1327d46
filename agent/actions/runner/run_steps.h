/// Runs the steps of a spec, one after the other, until one fails, the deadline passes or somebody
/// cancels by SIGTERM; then its undo, if it has one. Nothing that a step started is left when it
/// returns.
#pragma once

#include "agent/actions/runner/files.h"
#include "agent/actions/runner/output_log.h"
#include "agent/actions/runner/progress.h"

#include <string>

namespace portoser::agent::actions::runner {

/// SIGTERM, SIGINT and SIGCHLD must be blocked in the calling (the only) thread. `folder`: the
/// command's. With `resume` a runner before this one was killed: a change that holds is finished,
/// any other is undone.
Outcome run_steps(
    const Spec& spec, const std::string& folder, OutputLog& log, Progress& progress, bool resume);

}  // namespace portoser::agent::actions::runner
