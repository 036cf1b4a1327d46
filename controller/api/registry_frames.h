/// What `/ws` says of a change of registry.yml.
#pragma once

#include "common/clock.h"
#include "controller/registry/watch.h"

#include <string>
#include <vector>

namespace portoser::api {

/// `registry_reloaded`, and for each of a few entries `service_created`, `service_updated`,
/// `service_deleted`, `machine_created` and so on, whoever changed them. `before` was in force.
std::vector<std::string> registry_frames(const registry::Registry& before,
                                         const registry::RegistryState& after,
                                         Time now);

}  // namespace portoser::api
