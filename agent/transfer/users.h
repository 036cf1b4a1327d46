/// Which containers use data of a move. Pure, but for symbolic links that it follows.
#pragma once

#include "agent/transfer/engine_data.h"
#include "agent/transfer/notes.h"

namespace portoser::agent::transfer {

/// It mounts the volume, or a path in the folder, or was made from a compose file in it.
bool uses(const ContainerUse& container, const MadeRoot& root);
/// Likewise, but what it can only read does not count, nor, beside the service's own folder, where
/// its compose file lies.
bool writes(const ContainerUse& container, const MadeRoot& root);

}  // namespace portoser::agent::transfer
