/// What a compose command of a service works on. Pure.
#pragma once

#include "controller/registry/model.h"
#include "protocol/commands.h"

namespace portoser::deployment {

protocol::ComposeTarget compose_target(const registry::Registry& registry,
                                       const registry::Service& service);

}  // namespace portoser::deployment
