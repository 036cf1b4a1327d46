#include "controller/api/job_answer.h"

#include <string_view>
#include <utility>

namespace portoser::api {

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

}  // namespace portoser::api
