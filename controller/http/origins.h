/// Which pages may speak to us: CORS, and the check of Origin for sockets and simple writes.
#pragma once

#include "controller/http/request.h"
#include "controller/http/response.h"

#include <string>
#include <string_view>
#include <vector>

namespace portoser::http {

class Origins {
 public:
  explicit Origins(std::vector<std::string> allowed) : allowed_(std::move(allowed)) {}

  /// True when the Origin of the request is in the list; false without one.
  [[nodiscard]] bool is_listed(const Request& request) const;
  /// False when a page of another host that is not in the list is asking. No Origin: true, since
  /// that is no browser.
  [[nodiscard]] bool may_speak(const Request& request) const;
  [[nodiscard]] bool is_empty() const { return allowed_.empty(); }

  static bool is_preflight(const Request& request);
  /// `Error{forbidden}` when the Origin may not speak.
  void require(const Request& request) const;
  /// The answer to a preflight, or that error.
  [[nodiscard]] Response preflight(const Request& request) const;

 private:
  std::vector<std::string> allowed_;
};

}  // namespace portoser::http
