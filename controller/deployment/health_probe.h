/// What registry.yml says about how to tell that a service is well, as the host can ask it to which
/// the service moves. Pure.
#pragma once

#include "controller/registry/model.h"
#include "protocol/commands.h"

namespace portoser::deployment {

/// `registry` has the hosts; by it the service may be on another one than `host` still. A check
/// over HTTP or TCP is asked for at the address of `host`. None (its `type` is empty): the file has
/// no check or one of another kind, or its URL leads through something else than the service, a
/// proxy say, or has a password.
protocol::HealthProbe probe_of(const registry::Registry& registry,
                               const registry::Service& service,
                               const registry::Host& host);

}  // namespace portoser::deployment
