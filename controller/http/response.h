/// An answer as handlers make it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace portoser::http {

struct Response {
  unsigned status = 200;
  std::string content_type{};  ///< empty: application/json
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string body{};
  /// Sent instead of `body` when set: a text that was serialised once for many readers.
  std::shared_ptr<const std::string> shared_body{};

  [[nodiscard]] std::string_view text() const { return shared_body ? *shared_body : body; }
};

/// A body with its status, for a route with two that mean success.
template <class Body>
struct Answer {
  Body body;
  unsigned status = 200;
};

/// `text` is JSON already.
Response json_response(std::string text, unsigned status = 200);
Response json_response(std::shared_ptr<const std::string> text, unsigned status = 200);

/// "Not Found"; "Status" for a number without a name.
std::string_view reason_phrase(unsigned status);

}  // namespace portoser::http
