#include "controller/api/device_tokens.h"

#include "controller/http/router.h"

#include <algorithm>
#include <iterator>

namespace portoser::api {

struct TokenRequest {
  std::string description;
  std::optional<std::int64_t> expires_in_hours;  ///< none: 24
  std::optional<std::int64_t> max_uses;          ///< none: 1
  std::optional<std::string> host;               ///< the only name that may join with it
  bool allow_key_change = false;                 ///< that host may come with another key
  bool allow_new_host = false;  ///< a name that registry.yml does not have gets an entry there
};
BOOST_DESCRIBE_STRUCT(
    TokenRequest,
    (),
    (description, expires_in_hours, max_uses, host, allow_key_change, allow_new_host))

struct TokenRow {
  std::string id;
  std::string prefix;  ///< of the secret, to tell tokens apart
  std::string description;
  std::optional<std::string> host;
  bool allow_key_change = false;
  bool allow_new_host = false;
  std::int64_t max_uses = 0;
  std::int64_t current_uses = 0;
  std::optional<Time> expires_at;
  std::string created_by;
  Time created_at;
  std::optional<Time> last_used_at;
  std::optional<Time> revoked_at;
  std::string state;  ///< "valid", "used up", "expired" or "revoked"
  bool is_expired = false;
  bool is_exhausted = false;
  bool is_valid = false;
};
BOOST_DESCRIBE_STRUCT(TokenRow,
                      (),
                      (id,
                       prefix,
                       description,
                       host,
                       allow_key_change,
                       allow_new_host,
                       max_uses,
                       current_uses,
                       expires_at,
                       created_by,
                       created_at,
                       last_used_at,
                       revoked_at,
                       state,
                       is_expired,
                       is_exhausted,
                       is_valid))

struct CreatedToken : TokenRow {
  std::string token;  ///< never shown again
};
BOOST_DESCRIBE_STRUCT(CreatedToken, (TokenRow), (token))

struct TokenList {
  std::vector<TokenRow> tokens;
  std::int64_t total = 0;  ///< those that are not shown because they are no good are not counted
};
BOOST_DESCRIBE_STRUCT(TokenList, (), (tokens, total))

struct RevokedToken {
  std::string status = "revoked";
  std::string id;
  std::optional<Time> revoked_at;
};
BOOST_DESCRIBE_STRUCT(RevokedToken, (), (status, id, revoked_at))

namespace {

TokenRow token_row(const storage::TokenRecord& token, Time now) {
  TokenRow row;
  row.id = token.id;
  row.prefix = token.prefix;
  row.description = token.description;
  row.host = token.host;
  row.allow_key_change = token.allow_key_change;
  row.allow_new_host = token.allow_new_host;
  row.max_uses = token.max_uses;
  row.current_uses = token.uses;
  row.expires_at = token.expires_at;
  row.created_by = token.created_by;
  row.created_at = token.created_at;
  row.last_used_at = token.last_used_at;
  row.revoked_at = token.revoked_at;
  row.state = fleet::token_state(token, now);
  row.is_expired = token.expires_at && *token.expires_at <= now;
  row.is_exhausted = token.uses >= token.max_uses;
  row.is_valid = row.state == "valid";
  return row;
}

}  // namespace

void DeviceTokensApi::add_to(http::Router& router) {
  router.add({.method = http::Method::post,
              .path = "/api/devices/tokens",
              .summary = "Make a join token; only this answer has it",
              .role = http::Role::admin,
              .errors = {Code::invalid},
              .success_status = 201},
             *this,
             &DeviceTokensApi::create);
  router.add({.path = "/api/devices/tokens",
              .summary = "Join tokens without their secrets, the newest first",
              .role = http::Role::admin,
              .query = {{"include_expired", "those that are no good any more too", "boolean"},
                        {"limit", "1 to 1000; 100 unless given", "integer"},
                        {"offset", "from 0", "integer"}}},
             *this,
             &DeviceTokensApi::list);
  router.add({.path = "/api/devices/tokens/{token}",
              .summary = "One join token without its secret",
              .role = http::Role::admin,
              .errors = {Code::not_found}},
             *this,
             &DeviceTokensApi::detail);
  router.add({.method = http::Method::delete_,
              .path = "/api/devices/tokens/{token}",
              .summary = "Revoke a join token; devices that joined with it stay",
              .role = http::Role::admin,
              .errors = {Code::not_found}},
             *this,
             &DeviceTokensApi::revoke);
}

asio::awaitable<CreatedToken> DeviceTokensApi::create(http::Call<TokenRequest> call) {
  fleet::TokenWish wish;
  wish.description = std::move(call.body.description);
  wish.host = std::move(call.body.host);
  wish.allow_key_change = call.body.allow_key_change;
  wish.allow_new_host = call.body.allow_new_host;
  wish.uses = call.body.max_uses.value_or(wish.uses);
  if (call.body.expires_in_hours) wish.expires = fleet::hours_of(*call.body.expires_in_hours);
  wish.created_by = call.user().sub;
  const auto made = co_await tokens_.create(std::move(wish));
  CreatedToken answer;
  static_cast<TokenRow&>(answer) = token_row(made.record, clock_.now());
  answer.token = made.text;
  co_return answer;
}

asio::awaitable<TokenList> DeviceTokensApi::list(http::Call<void> call) {
  const bool all = call.query_bool("include_expired", false);
  const auto limit = call.query_int("limit", 100, 1, 1000);
  const auto offset = call.query_int("offset", 0, 0, 1'000'000);
  const auto records = co_await tokens_.list();
  const auto now = clock_.now();
  TokenList answer;
  for (const auto& record : records) {
    auto row = token_row(record, now);
    if (!all && !row.is_valid) continue;
    ++answer.total;
    if (answer.total > offset && answer.total <= offset + limit) {
      answer.tokens.push_back(std::move(row));
    }
  }
  co_return answer;
}

asio::awaitable<TokenRow> DeviceTokensApi::detail(http::Call<void> call) {
  const auto record = co_await tokens_.find(call.param("token"));
  co_return token_row(record, clock_.now());
}

asio::awaitable<RevokedToken> DeviceTokensApi::revoke(http::Call<void> call) {
  const auto record = co_await tokens_.revoke(call.param("token"));
  RevokedToken answer;
  answer.id = record.id;
  answer.revoked_at = record.revoked_at;
  co_return answer;
}

}  // namespace portoser::api
