#include "controller/api/job_answer.h"

#include "controller/http/respond.h"

#include <string_view>
#include <utility>

namespace portoser::api {

http::Route job_route(std::string path, const std::string& summary) {
  return http::Route{
      .method = http::Method::post,
      .path = std::move(path),
      .summary = summary + "; answers when it is done, or at once with \"Prefer: respond-async\"",
      .role = http::Role::operator_,
      .errors = {Code::not_found,
                 Code::invalid,
                 Code::conflict,
                 Code::bad_gateway,
                 Code::unavailable,
                 Code::deadline}};
}

bool prefers_async(const http::Request& request) {
  const auto prefer = request.header("Prefer");
  return prefer && prefer->find("respond-async") != std::string_view::npos;
}

http::Response accepted(std::string body, const std::string& job_id) {
  auto answer = http::json_response(std::move(body), 202);
  answer.headers.emplace_back("Location", "/api/jobs/" + job_id);
  answer.headers.emplace_back("Preference-Applied", "respond-async");
  return answer;
}

http::Response failed_answer(const Json& answer,
                             const Error& error,
                             const http::Request& request,
                             Time now) {
  auto response = http::error_response(error, request, now);
  auto body = Json::parse(response.body);
  for (const auto& [key, value] : answer.items()) {
    if (!body.contains(key)) body[key] = value;
  }
  response.body = dump(body);
  return response;
}

}  // namespace portoser::api
