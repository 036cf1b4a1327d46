/// What a command or question about a native or local service works on. Pure.
#pragma once

#include "controller/registry/model.h"
#include "protocol/commands.h"

namespace portoser::deployment {

protocol::NativeTarget native_target_of(const registry::Registry& registry,
                                        const registry::Service& service);

}  // namespace portoser::deployment
