/// The OpenAPI 3.1 document of a route table.
#pragma once

#include <string>
#include <string_view>

namespace portoser::http {

class Router;

/// The document as text; sockets are under "x-websockets", roles under "x-role".
std::string openapi_document(const Router& router, std::string_view title);

/// Adds GET /openapi.json (public) with the document of the routes that are there now, so it is
/// called after all others were added.
void serve_openapi(Router& router, std::string_view title);

}  // namespace portoser::http
