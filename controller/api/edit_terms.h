/// By whom, and on which condition, a request edits the registry.
#pragma once

#include "controller/http/call.h"
#include "controller/registry/editor.h"

namespace portoser::api {

/// Its user, and the revisions of its If-Match: `Error{bad_request}` when that is no list of tags.
registry::EditTerms edit_terms_of(const http::CallContext& call);

}  // namespace portoser::api
