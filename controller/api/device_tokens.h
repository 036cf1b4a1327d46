/// Join tokens over HTTP. The secret is in the answer that made a token and nowhere else.
#pragma once

#include "common/tasks.h"
#include "controller/fleet/join_tokens.h"
#include "controller/http/call.h"

namespace portoser::http {
class Router;
}

namespace portoser::api {

struct TokenRequest;
struct TokenRow;
struct CreatedToken;
struct TokenList;
struct RevokedToken;

class DeviceTokensApi {
 public:
  DeviceTokensApi(fleet::JoinTokens& tokens, const Clock& clock) : tokens_(tokens), clock_(clock) {}

  void add_to(http::Router& router);

 private:
  asio::awaitable<CreatedToken> create(http::Call<TokenRequest> call);
  asio::awaitable<TokenList> list(http::Call<void> call);
  asio::awaitable<TokenRow> detail(http::Call<void> call);
  asio::awaitable<RevokedToken> revoke(http::Call<void> call);

  fleet::JoinTokens& tokens_;
  const Clock& clock_;
};

}  // namespace portoser::api
