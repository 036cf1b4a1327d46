/// What an agent says of its host, where it can be true: as `telemetry/plausible.h` does with
/// samples. Pure; any thread.
#pragma once

#include "protocol/messages.h"

namespace portoser::fleet {

/// A number that cannot be true becomes 0, which is unknown: sizes go to 1 EiB, cores to a million.
protocol::HostFacts plausible(protocol::HostFacts facts);

}  // namespace portoser::fleet
