/// Stretches of time in a query: by a word (`timeRange` is the UI's spelling, `time_range` the rest
/// of the API's), or by their beginning and end.
#pragma once

#include "common/clock.h"
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

/// A time of the query, or the beginning of a day (UTC). Neither: `Error{invalid}`; not given:
/// none.
std::optional<Time> begin_of(const http::CallContext& call, const std::string& name);
/// Likewise, but the end of a day.
std::optional<Time> end_of(const http::CallContext& call, const std::string& name);

}  // namespace portoser::api
