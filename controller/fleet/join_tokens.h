/// Join tokens as people make, see and end them. Any thread.
#pragma once

#include "common/clock.h"
#include "common/tasks.h"
#include "controller/storage/token_store.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace portoser::fleet {

/// The maker of tokens that come from `portoser-controller token create`: nobody's devices.
inline const std::string command_line_user = "command line";

/// As many hours; too many for a duration become one that no token may have.
std::chrono::seconds hours_of(std::int64_t hours);

struct TokenWish {
  std::string description{};
  std::optional<std::string> host{};  ///< the only name that may join with it
  bool allow_key_change = false;      ///< that host may come with another key
  bool allow_new_host = false;  ///< a name that registry.yml does not have gets an entry there
  std::int64_t uses = 1;
  std::chrono::seconds expires = std::chrono::hours{24};
  std::string created_by{};
};

/// Where hosts join, as the token tells them.
struct JoinPlace {
  std::string url;             ///< of the joining listener
  std::string controller_key;  ///< Z85
};

struct NewToken {
  storage::TokenRecord record;
  std::string text;  ///< the whole token, secret and all; kept nowhere
};

NewToken make_token(const TokenWish& wish, const JoinPlace& place, Time now);

/// "valid", "used up", "expired" or "revoked".
std::string token_state(const storage::TokenRecord& token, Time now);

class JoinTokens {
 public:
  JoinTokens(storage::Database& database, JoinPlace place, const Clock& clock)
      : store_(database), place_(std::move(place)), clock_(clock) {}

  /// A wish that cannot be: `Error{invalid}` that names the field of the request.
  asio::awaitable<NewToken> create(TokenWish wish);
  /// Newest first.
  asio::awaitable<std::vector<storage::TokenRecord>> list() { return store_.list(); }
  /// Unknown: `Error{not_found}`, TOKEN_UNKNOWN.
  asio::awaitable<storage::TokenRecord> find(std::string id);
  /// As above; a second time changes nothing.
  asio::awaitable<storage::TokenRecord> revoke(std::string id);

 private:
  storage::TokenStore store_;
  JoinPlace place_;
  const Clock& clock_;
};

}  // namespace portoser::fleet
