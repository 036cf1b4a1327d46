/// What a handler is given: `asio::awaitable<R> handler(Call<Body> call)`.
#pragma once

#include "controller/http/request.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::http {

/// The request with the parameters of its path. Points into the connection, which waits for the
/// handler: valid until the handler returns, not after.
class CallContext {
 public:
  CallContext(const Request& request,
              const std::vector<std::string>& names,
              const std::vector<std::string>& values)
      : request_(&request), names_(&names), values_(&values) {}

  [[nodiscard]] const Request& request() const { return *request_; }
  [[nodiscard]] const User& user() const { return *request_->user; }

  /// A parameter of the path, decoded, never empty. A name that the path does not have is a mistake
  /// in our code: `std::logic_error`.
  [[nodiscard]] const std::string& param(std::string_view name) const;

  [[nodiscard]] std::optional<std::string> query(std::string_view name) const {
    return request_->query(name);
  }
  /// Not a whole number, or outside `low` to `high`: `Error{invalid}` with where = "query.<name>".
  [[nodiscard]] std::int64_t query_int(std::string_view name,
                                       std::int64_t standard,
                                       std::int64_t low,
                                       std::int64_t high) const;
  /// true, false, 1, 0 or nothing ("?force"); else `Error{invalid}`.
  [[nodiscard]] bool query_bool(std::string_view name, bool standard) const;

 private:
  const Request* request_;
  const std::vector<std::string>* names_;
  const std::vector<std::string>* values_;
};

/// `Body` is a described struct, `Json` for any value, or void.
template <class Body>
class Call : public CallContext {
 public:
  Call(const CallContext& context, Body parsed) : CallContext(context), body(std::move(parsed)) {}
  Body body;
};

template <>
class Call<void> : public CallContext {
 public:
  explicit Call(const CallContext& context) : CallContext(context) {}
};

}  // namespace portoser::http
