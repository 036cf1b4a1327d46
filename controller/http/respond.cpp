#include "controller/http/respond.h"

#include "common/describe_json.h"
#include "common/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace portoser::http {
namespace {

constexpr std::array<std::pair<std::string_view, unsigned>, 6> status_of_reason{{
    {"METHOD_NOT_ALLOWED", 405},
    {"REQUEST_TIMEOUT", 408},
    {"PRECONDITION_FAILED", 412},
    {"STALE_REVISION", 412},
    {"UPGRADE_REQUIRED", 426},
    {"HEADERS_TOO_LARGE", 431},
}};

/// For the statuses at which the reference gives a suggestion; a hint of our own goes before.
std::string_view standard_suggestion(unsigned status) {
  switch (status) {
    case 401:
      return "Sign in, or send a valid token as \"Authorization: Bearer <token>\"";
    case 403:
      return "Ask an administrator for the role that this needs";
    case 503:
      return "Try again in a moment; /health says what is away";
    default:
      return {};
  }
}

constexpr std::string_view retry_after = "retry_after";

/// "body.port", "query.limit": what a form can show beside its field.
bool is_part_of_request(std::string_view where) {
  constexpr std::array<std::string_view, 4> parts{"body", "query", "path", "header"};
  return std::any_of(parts.begin(), parts.end(), [where](std::string_view part) {
    return where.starts_with(part) && (where.size() == part.size() || where[part.size()] == '.');
  });
}

}  // namespace

unsigned status_of(Code code) {
  switch (code) {
    case Code::bad_request:
      return 400;
    case Code::invalid:
      return 422;
    case Code::unauthenticated:
      return 401;
    case Code::forbidden:
      return 403;
    case Code::not_found:
      return 404;
    case Code::conflict:
      return 409;
    case Code::too_large:
      return 413;
    case Code::rate_limited:
      return 429;
    case Code::bad_gateway:
      return 502;
    case Code::unavailable:
      return 503;
    case Code::deadline:
      return 504;
    case Code::internal:
      break;
  }
  return 500;
}

unsigned status_of(const Error& error) {
  const auto reason = error.reason();
  for (const auto& [name, status] : status_of_reason) {
    if (name == reason) return status;
  }
  return status_of(error.code());
}

Response error_response(const Error& error, const Request& request, Time now) {
  const auto status = status_of(error);
  const auto reason = error.reason();
  Json inner{{"message", error.message()},
             {"status", status},
             {"path", request.path},
             {"method", to_string(request.method)},
             {"timestamp", to_rfc3339(now)}};
  if (!error.hint().empty()) {
    inner["suggestion"] = error.hint();
  } else if (const auto standard = standard_suggestion(status); !standard.empty()) {
    inner["suggestion"] = standard;
  }
  Response response;
  Json details = Json::array();
  for (const auto& detail : error.details()) {
    if (detail.where == retry_after) {
      response.headers.emplace_back("Retry-After", detail.message);
      continue;
    }
    details.push_back({{"where", detail.where}, {"message", detail.message}});
  }
  if (!details.empty()) inner["details"] = details;
  if (status == 422) {
    Json fields = Json::object();
    if (is_part_of_request(error.where())) fields[error.where()] = error.message();
    for (const auto& detail : error.details()) {
      if (is_part_of_request(detail.where)) fields[detail.where] = detail.message;
    }
    if (!fields.empty()) inner["field_errors"] = fields;
  }
  const Json body{{"error", inner},
                  {"message", error.message()},
                  {"detail", error.message()},
                  {"code", reason},
                  {"reason", reason},
                  {"hint", error.hint()},
                  {"where", error.where()}};
  response.status = status;
  response.body = dump(body);
  if (status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (status == 426) response.headers.emplace_back("Upgrade", "websocket");
  return response;
}

Error to_error(const std::exception_ptr& failure, const Request& request) {
  std::string text;
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    return error;
  } catch (const std::exception& error) {
    text = error.what();
  } catch (...) {
    text = "an exception without text";
  }
  log::error("http",
             "request failed unexpectedly",
             {{"request", request.request_id},
              {"method", to_string(request.method)},
              {"path", request.path},
              {"reason", text}});
  return Error{Code::internal,
               fmt::format("Internal error. The log of the controller tells more "
                           "under the request id {}",
                           request.request_id)};
}

std::uint16_t close_code_of(const Error& error) {
  switch (error.code()) {
    case Code::unauthenticated:
      return 4401;
    case Code::forbidden:
      return 4403;
    case Code::bad_request:
    case Code::invalid:
    case Code::not_found:
    case Code::conflict:
    case Code::too_large:
      return 1008;
    case Code::rate_limited:
    case Code::unavailable:
      return 1013;
    case Code::bad_gateway:
    case Code::deadline:
    case Code::internal:
      break;
  }
  return 1011;
}

}  // namespace portoser::http
