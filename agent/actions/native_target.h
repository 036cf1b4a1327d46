/// What the commands about native services and the look before them both ask of their target, so
/// that a fault has one word. Any thread.
#pragma once

#include "agent/systemd/unit.h"
#include "protocol/commands.h"

namespace portoser::agent::actions {

/// Who would run the commands of service.yml. Nobody is named, or the host has no such user:
/// `Error{invalid, SERVICE_USER_MISSING}`. Blocking.
void require_user(const protocol::NativeTarget& target);

/// The unit that the target names is not on this host: `Error{not_found, UNIT_MISSING}`. One of our
/// own need not be there.
void require_there(const protocol::NativeTarget& target, const systemd::Unit& unit);

}  // namespace portoser::agent::actions
