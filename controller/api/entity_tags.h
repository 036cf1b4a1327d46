/// ETag and If-Match (RFC 9110, sections 8.8.3 and 13.1.1) of what has a revision. Any thread.
#pragma once

#include "controller/http/request.h"
#include "controller/http/response.h"

#include <string>
#include <string_view>
#include <vector>

namespace portoser::api {

/// The answer shows something of this revision.
void set_entity_tag(http::Response& response, std::string_view revision);

/// The revisions of `If-Match`, "*" as it is; empty: the request has no such header. Weak tags
/// count as their strong ones: a revision is of what an entry says. No tag at all:
/// `Error{bad_request}`.
std::vector<std::string> if_match(const http::Request& request);

}  // namespace portoser::api
