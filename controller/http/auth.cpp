#include "controller/http/auth.h"

namespace portoser::http {

std::shared_ptr<const User> Authenticator::recall(const Request& /*request*/) {
  return nullptr;
}

OpenAccess::OpenAccess() {
  User user;
  user.sub = "dev-mode";
  user.name = "dev";
  user.roles = {"admin", "deployer", "operator", "viewer"};
  user_ = std::make_shared<const User>(std::move(user));
}

std::shared_ptr<const User> OpenAccess::recall(const Request& /*request*/) {
  return user_;
}

asio::awaitable<User> OpenAccess::authenticate(const Request& /*request*/) {
  co_return *user_;
}

}  // namespace portoser::http
