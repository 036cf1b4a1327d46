#include "controller/http/origins.h"

#include "common/error.h"

#include <fmt/format.h>

#include <algorithm>

namespace portoser::http {
namespace {

struct Authority {
  std::string_view host;
  std::string_view port;
};

/// "[::1]:80" and "box:80" apart; no port: "".
Authority split_authority(std::string_view text) {
  const auto colon = text.rfind(':');
  const auto bracket = text.rfind(']');
  if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)) {
    return {text, {}};
  }
  return {text.substr(0, colon), text.substr(colon + 1)};
}

/// A proxy may forward the host without the port it listens on; then the names decide.
bool is_same_host(std::string_view origin, std::string_view host) {
  const auto scheme = origin.find("://");
  if (scheme == std::string_view::npos) return false;
  const auto theirs = split_authority(origin.substr(scheme + 3));
  const auto ours = split_authority(host);
  if (!equals_ignoring_case(theirs.host, ours.host)) return false;
  if (ours.port.empty()) return true;
  const std::string_view standard = origin.starts_with("https:") ? "443" : "80";
  return (theirs.port.empty() ? standard : theirs.port) == ours.port;
}

}  // namespace

bool Origins::is_listed(const Request& request) const {
  const auto origin = request.header("Origin");
  return origin && std::find(allowed_.begin(), allowed_.end(), *origin) != allowed_.end();
}

bool Origins::may_speak(const Request& request) const {
  const auto origin = request.header("Origin");
  if (!origin || is_listed(request)) return true;
  const auto host = request.header("Host");
  // A page cannot set X-Forwarded-Host without a preflight, so only a proxy can have written it.
  const auto forwarded = request.header("X-Forwarded-Host");
  return (host && is_same_host(*origin, *host)) || (forwarded && is_same_host(*origin, *forwarded));
}

bool Origins::is_preflight(const Request& request) {
  return request.method == Method::options && request.header("Origin") &&
         request.header("Access-Control-Request-Method");
}

void Origins::require(const Request& request) const {
  if (may_speak(request)) return;
  throw Error{Code::forbidden,
              fmt::format("pages of {} may not call this server", *request.header("Origin"))}
      .reason("ORIGIN_NOT_ALLOWED")
      .hint("add the origin to CORS_ALLOWED_ORIGINS");
}

Response Origins::preflight(const Request& request) const {
  require(request);
  Response response;
  response.headers = {
      {"Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"},
      {"Access-Control-Max-Age", "600"}};
  if (const auto wanted = request.header("Access-Control-Request-Headers")) {
    response.headers.emplace_back("Access-Control-Allow-Headers", std::string{*wanted});
  }
  return response;
}

}  // namespace portoser::http
