/// What a compose step that failed means, read from what compose, the engine and buildkit say.
/// Pure.
#pragma once

#include "agent/actions/catalogue.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace portoser::agent::actions {

/// What portoser-deployment says in its last lines is taken as it is. Of compose's own, reasons:
/// COMPOSE_INVALID, IMAGE_MISSING, PORT_TAKEN, ENGINE_UNAVAILABLE, COMPOSE_MISSING, and
/// ACTION_FAILED for what nobody recognised, with the tool's own words.
Error explain_compose_failure(const StepFailure& failure);

/// The same of a step of portoser-transfer.
Error explain_transfer_failure(const StepFailure& failure);

/// Of the container that ended, where the lines are portoser-deployment's and tell it.
std::optional<std::int64_t> told_exit_code(const std::vector<std::string>& lines);

}  // namespace portoser::agent::actions
