/// Who is asking: the interface through which identity enters. `controller/identity` implements it.
#pragma once

#include "common/tasks.h"
#include "controller/http/request.h"

#include <boost/asio/awaitable.hpp>

#include <memory>

namespace portoser::http {

/// Asked for every request whose route is not public. Any thread; must outlive the server.
class Authenticator {
 public:
  Authenticator() = default;
  Authenticator(const Authenticator&) = delete;
  Authenticator& operator=(const Authenticator&) = delete;
  virtual ~Authenticator() = default;

  /// The user when that is known without waiting (a token seen before); null: ask `authenticate`.
  /// The hot path: must not block.
  virtual std::shared_ptr<const User> recall(const Request& request);
  /// No or a bad token: `Error{unauthenticated}`. The request lives until the answer is there.
  virtual asio::awaitable<User> authenticate(const Request& request) = 0;
};

/// Everybody is the synthetic user "dev-mode" with every role (authentication switched off).
class OpenAccess : public Authenticator {
 public:
  OpenAccess();
  std::shared_ptr<const User> recall(const Request& request) override;
  asio::awaitable<User> authenticate(const Request& request) override;

 private:
  std::shared_ptr<const User> user_;
};

}  // namespace portoser::http
