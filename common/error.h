/// The one error type. Rooms throw it; `controller/http/respond.cpp` turns it into an HTTP answer
/// and `agent/actions` into the result of a command.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace portoser {

/// What went wrong, in the terms of whoever asked. Each code has one HTTP status.
enum class Code {
  bad_request,      ///< 400: cannot be understood
  invalid,          ///< 422: understood, and wrong
  unauthenticated,  ///< 401
  forbidden,        ///< 403
  not_found,        ///< 404
  conflict,         ///< 409: at odds with what is there or under way
  too_large,        ///< 413
  rate_limited,     ///< 429
  bad_gateway,      ///< 502: a host was asked to do it, and failed
  unavailable,      ///< 503: somebody else is away
  deadline,         ///< 504: it took longer than it may
  internal,         ///< 500: our fault
};

std::string_view to_string(Code code);
Code code_from_string(std::string_view text);  ///< unknown text: `internal`

/// One of several findings behind an error: the field, line or step, and what is wrong there.
struct ErrorDetail {
  std::string where;
  std::string message;
};

class Error : public std::runtime_error {
 public:
  /// `message` is a sentence for a person; `where` names the field, file or line.
  Error(Code code, const std::string& message, std::string where = {})
      : std::runtime_error(message), code_(code), where_(std::move(where)) {}

  /// A machine-readable reason in UPPER_SNAKE; all of them are listed in docs/errors.md.
  Error&& reason(std::string_view text) &&;
  /// What the person can do about it.
  Error&& hint(std::string_view text) &&;
  Error&& details(std::vector<ErrorDetail> findings) &&;

  [[nodiscard]] Code code() const { return code_; }
  [[nodiscard]] std::string message() const { return what(); }
  [[nodiscard]] const std::string& where() const { return where_; }
  /// The given reason, or the code in upper case.
  [[nodiscard]] std::string reason() const;
  [[nodiscard]] const std::string& hint() const { return hint_; }
  [[nodiscard]] const std::vector<ErrorDetail>& details() const { return details_; }

 private:
  Code code_;
  std::string where_;
  std::string reason_;
  std::string hint_;
  std::vector<ErrorDetail> details_;
};

}  // namespace portoser
