/// A service and its host as a request names them together. Any thread.
#pragma once

#include "controller/registry/model.h"

#include <string>

namespace portoser::api {

/// The service, which must be on that host: else `Error{not_found}`, SERVICE_UNKNOWN, whose hint
/// tells where it is. `part` of the request: "path" or "body".
const registry::Service& require_placed(const registry::Registry& registry,
                                        const std::string& service,
                                        const std::string& machine,
                                        const std::string& part = "path");

}  // namespace portoser::api
