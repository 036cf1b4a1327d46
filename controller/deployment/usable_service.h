/// Whether anything may be done with a service at all. Pure.
#pragma once

#include "controller/registry/model.h"

#include <string>

namespace portoser::deployment {

/// The entry, which has a host. Unknown: `Error{not_found}`, SERVICE_UNKNOWN; broken or on no host:
/// `Error{invalid}`, SERVICE_MISCONFIGURED (its mistakes are the details), SERVICE_UNASSIGNED.
const registry::Service& require_usable(const registry::Registry& registry,
                                        const std::string& name);

}  // namespace portoser::deployment
