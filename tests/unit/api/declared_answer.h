/// Whether an answer is as its route declares it.
#pragma once

#include "common/describe_json.h"

#include <string>

namespace portoser::api {

/// Where the value is not as the schema says, key for key; empty when it is.
std::string difference_from(const Json& schema, const Json& value, const std::string& path);

}  // namespace portoser::api
