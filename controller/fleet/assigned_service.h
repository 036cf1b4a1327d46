/// A service of the registry as its host's agent is told of it. Pure.
#pragma once

#include "controller/registry/model.h"
#include "protocol/messages.h"

namespace portoser::fleet {

protocol::AssignedService assigned_service(const registry::Registry& registry,
                                           const registry::Service& service);

}  // namespace portoser::fleet
