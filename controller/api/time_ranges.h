/// The words for a stretch of time in a query: `timeRange` is the UI's spelling, `time_range` the
/// rest of the API's.
#pragma once

#include "common/error.h"
#include "controller/http/call.h"
#include "controller/http/route.h"

#include <optional>
#include <string>
#include <vector>

namespace portoser::api {

/// Both spellings, declared. `refused_as`: another word.
std::vector<http::Parameter> range_parameters(const std::string& description,
                                              Code refused_as = Code::bad_request);
/// Nothing: the query has neither.
std::optional<std::string> range_of(const http::CallContext& call);

}  // namespace portoser::api
