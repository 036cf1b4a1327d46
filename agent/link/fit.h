/// Messages of a host that runs more containers than one message holds: they go with as many as do.
/// Any thread.
#pragma once

#include "protocol/messages.h"

namespace portoser::agent::link {

/// A service keeps all of its containers or none (part of them would add up to a wrong use of it),
/// then come containers of no service. For one that is too large as it is.
protocol::Sample fitted(protocol::Sample sample);

/// The containers of services first, then the others.
protocol::State fitted(protocol::State state);

}  // namespace portoser::agent::link
