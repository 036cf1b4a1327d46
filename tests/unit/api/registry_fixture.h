/// The API on a registry that a test edits.
#pragma once

#include "tests/unit/api/api_fixture.h"

#include <string>
#include <utility>
#include <vector>

namespace portoser::api {

class RegistryApiTest : public ApiTest {
 protected:
  using HeaderList = std::vector<std::pair<std::string, std::string>>;

  [[nodiscard]] std::string text() const { return read_file(folder_ / "registry.yml"); }
  static std::string etag_of(const http::Response& response) {
    for (const auto& [name, value] : response.headers) {
      if (name == "ETag") return value;
    }
    ADD_FAILURE() << "there is no ETag";
    return {};
  }
  Error refused(http::Method method,
                std::string_view target,
                const Json& body,
                const HeaderList& headers = {}) {
    try {
      const auto answer = request_of(method, target, body, headers);
      ADD_FAILURE() << target << " was done: " << answer.text();
    } catch (const Error& error) {
      return error;
    }
    return Error{Code::internal, ""};
  }

  const std::string before_ = text();
};

}  // namespace portoser::api
