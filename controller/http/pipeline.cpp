#include "controller/http/pipeline.h"

#include "controller/http/respond.h"

#include <fmt/format.h>

#include <algorithm>

namespace portoser::http {
namespace {

CallContext context_of(const Exchange& exchange) {
  return CallContext{exchange.request, exchange.match.endpoint->parameters, exchange.match.values};
}

void require_role(const Request& request, Role role) {
  if (request.user->has(role)) return;
  throw Error{Code::forbidden,
              fmt::format("\"{}\" needs the role {} for {} {}",
                          request.user->name,
                          to_string(role),
                          to_string(request.method),
                          request.path)};
}

void require_known_word(const Request& request, const Parameter& parameter) {
  const auto& allowed = parameter.allowed;
  if (allowed.empty()) return;
  const auto word = request.query(parameter.name);
  if (!word || std::find(allowed.begin(), allowed.end(), *word) != allowed.end()) return;
  throw Error{parameter.refused_as,
              fmt::format("Invalid {} value: {}. Valid values: {}",
                          parameter.name,
                          word->empty() ? "\"\"" : *word,
                          fmt::join(allowed, ", ")),
              fmt::format("query.{}", parameter.name)};
}

}  // namespace

void Exchange::clear() {
  request.clear();
  match.clear();
  response = {};
  failure.reset();
  started = {};
}

std::string_view route_name(const Exchange& exchange) {
  return exchange.match.endpoint == nullptr ? "unmatched"
                                            : std::string_view{exchange.match.endpoint->route.path};
}

Pipeline::Pipeline(Origins origins,
                   Authenticator& authenticator,
                   AuditSink& audit,
                   RequestObserver& observer,
                   const Clock& clock)
    : origins_(std::move(origins)),
      authenticator_(authenticator),
      audit_(audit),
      observer_(observer),
      clock_(clock) {}

Pipeline::Admission Pipeline::admit(Exchange& exchange, const Router& router) const {
  auto& request = exchange.request;
  try {
    if (Origins::is_preflight(request)) {
      exchange.response = origins_.preflight(request);
      return Admission::answered;
    }
    require_route(exchange, router);
    if (exchange.match.endpoint == nullptr) return Admission::answered;
    // Sockets carry cookies from any page, and so do writes that need no preflight; only a header
    // that pages cannot set proves that the caller means it.
    const bool needs_origin =
        exchange.is_socket() || (is_mutation(request.method) && !request.header("Authorization"));
    if (needs_origin) origins_.require(request);
    if (exchange.is_socket() && !request.wants_socket) {
      throw Error{Code::bad_request, "this path is a WebSocket: connect to it as one"}.reason(
          "UPGRADE_REQUIRED");
    }
    if (exchange.match.endpoint->route.role != Role::public_) {
      auto user = authenticator_.recall(request);
      if (!user) return Admission::unknown_user;
      request.user = std::move(user);
    }
    require_admissible(exchange);
    return Admission::admitted;
  } catch (...) {
    fail(exchange, to_error(std::current_exception(), request));
    return Admission::answered;
  }
}

asio::awaitable<bool> Pipeline::authenticate(Exchange& exchange) const {
  try {
    auto user = co_await authenticator_.authenticate(exchange.request);
    exchange.request.user = std::make_shared<const User>(std::move(user));
    require_admissible(exchange);
    co_return true;
  } catch (...) {
    fail(exchange, to_error(std::current_exception(), exchange.request));
  }
  co_return false;
}

void Pipeline::run_at_once(Exchange& exchange) const {
  try {
    exchange.response = exchange.match.endpoint->at_once(context_of(exchange));
  } catch (...) {
    fail(exchange, to_error(std::current_exception(), exchange.request));
  }
}

asio::awaitable<void> Pipeline::run(Exchange& exchange) const {
  try {
    exchange.response = co_await exchange.match.endpoint->later(context_of(exchange));
  } catch (...) {
    fail(exchange, to_error(std::current_exception(), exchange.request));
  }
}

void Pipeline::fail(Exchange& exchange, Error error) const {
  exchange.response = error_response(error, exchange.request, clock_.now());
  if (exchange.response.status == 405) {
    exchange.response.headers.emplace_back("Allow", exchange.match.allow);
  }
  exchange.failure = std::move(error);
}

void Pipeline::report(const Exchange& exchange, unsigned status, Uptime now) const {
  const auto& request = exchange.request;
  const auto duration = now - exchange.started;
  const bool is_refusal = exchange.failure && (exchange.failure->code() == Code::unauthenticated ||
                                               exchange.failure->code() == Code::forbidden);
  const auto* endpoint = exchange.match.endpoint;
  const bool is_routine = endpoint != nullptr && endpoint->route.is_routine && !exchange.failure;
  if ((is_mutation(request.method) && !is_routine) || is_refusal) {
    AuditEntry entry;
    entry.user = request.user->sub;
    entry.user_name = request.user->name;
    entry.method = request.method;
    entry.path = request.path;
    entry.status = status;
    if (exchange.failure) entry.reason = exchange.failure->reason();
    entry.remote = request.remote;
    entry.request_id = request.request_id;
    entry.duration = duration;
    audit_.record(entry);
  }
  observer_.request_done(request.method, route_name(exchange), status, duration);
  if (!request.user->sub.empty()) observer_.user_seen(request.user->sub, now);
}

/// Leaves an endpoint in the match, or answers (a redirect, OPTIONS), or throws.
void Pipeline::require_route(Exchange& exchange, const Router& router) const {
  const auto& request = exchange.request;
  auto& match = exchange.match;
  router.find(request, match);
  if (match.endpoint != nullptr) return;
  if (!match.redirect.empty()) {
    exchange.response.status = 307;
    exchange.response.headers.emplace_back("Location", match.redirect);
    return;
  }
  if (match.allow.empty()) {
    throw Error{Code::not_found, fmt::format("there is nothing at {}", request.path), "path"}.hint(
        "/openapi.json lists all paths");
  }
  if (request.method == Method::options) {
    exchange.response.status = 204;
    exchange.response.headers.emplace_back("Allow", match.allow + ", OPTIONS");
    return;
  }
  throw Error{Code::bad_request,
              fmt::format("{} is not a method of {}; these are: {}",
                          to_string(request.method),
                          request.path,
                          match.allow)}
      .reason("METHOD_NOT_ALLOWED");
}

/// The user may ask for this, and the query has only words that the route knows.
void Pipeline::require_admissible(const Exchange& exchange) {
  const auto& route = exchange.match.endpoint->route;
  require_role(exchange.request, route.role);
  for (const auto& parameter : route.query) require_known_word(exchange.request, parameter);
}

}  // namespace portoser::http
