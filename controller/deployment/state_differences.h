/// What two states of a service, as the history keeps them, differ in. Pure.
#pragma once

#include "common/describe_json.h"
#include "controller/deployment/rollback.h"

#include <string>
#include <vector>

namespace portoser::deployment {

/// Keys of the entry in the registry, by their canonical names. `placement` alone is left to its
/// own kind of change: `current_host` is not among them.
std::vector<Difference> config_differences(const Json& current, const Json& target);

/// Compose text (as revisions), images by compose service, environment variables by name: a value
/// that changed shows as two fingerprints. States as `Recording` writes them.
std::vector<Difference> state_differences(const Json& current, const Json& target);

}  // namespace portoser::deployment
