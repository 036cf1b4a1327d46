/// What a compose step that failed means, read from what compose, the engine and buildkit say.
/// Pure.
#pragma once

#include "agent/actions/catalogue.h"

namespace portoser::agent::actions {

/// Reasons: COMPOSE_INVALID, IMAGE_MISSING, PORT_TAKEN, ENGINE_UNAVAILABLE, COMPOSE_MISSING, and
/// ACTION_FAILED for what nobody recognised, with the tool's own words.
Error explain_compose_failure(const StepFailure& failure);

}  // namespace portoser::agent::actions
