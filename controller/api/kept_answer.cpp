#include "controller/api/kept_answer.h"

#include <fmt/format.h>

namespace portoser::api {

http::Response kept_by_client(http::Response response, std::chrono::seconds age) {
  response.headers.emplace_back("Cache-Control",
                                fmt::format("private, max-age={}, must-revalidate", age.count()));
  response.headers.emplace_back("X-Cache-TTL", std::to_string(age.count()));
  return response;
}

}  // namespace portoser::api
