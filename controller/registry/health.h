/// The health check of a service in all its spellings. Private to the room.
#pragma once

#include "controller/registry/fields.h"
#include "controller/registry/model.h"

#include <optional>

namespace portoser::registry {

/// None when the file says nothing, or nothing that could be checked (a warning then). Reads
/// `health` and the older `healthcheck_*` keys; `port` is the service's own.
std::optional<HealthCheck> read_health(Fields& service, std::optional<int> port);

}  // namespace portoser::registry
