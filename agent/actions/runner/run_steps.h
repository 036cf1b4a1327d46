/// Runs the steps of a spec, one after the other, until one fails, the deadline passes or somebody
/// cancels by SIGTERM. Nothing that a step started is left when it returns.
#pragma once

#include "agent/actions/runner/files.h"
#include "agent/actions/runner/output_log.h"

namespace portoser::agent::actions::runner {

/// SIGTERM, SIGINT and SIGCHLD must be blocked in the calling (the only) thread.
Outcome run_steps(const Spec& spec, OutputLog& log);

}  // namespace portoser::agent::actions::runner
