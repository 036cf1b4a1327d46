#include "controller/fleet/join_tokens.h"

#include "common/crypto.h"
#include "common/error.h"
#include "common/ids.h"
#include "controller/fleet/registration.h"
#include "controller/registry/names.h"
#include "protocol/join.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace portoser::fleet {
namespace {

constexpr std::int64_t most_uses = 10'000;
constexpr std::chrono::hours longest_life{24 * 3650};

/// The name stands in the command that people are told to type. Letters of any script are names in
/// older registries.
bool is_safe_to_type(std::string name) {
  std::replace_if(
      name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, 'x');
  return registry::is_plain_word(name);
}

void check_wish(const TokenWish& wish) {
  if (wish.uses < 1 || wish.uses > most_uses) {
    throw Error{Code::invalid,
                fmt::format("\"max_uses\" must be a number from 1 to {}", most_uses),
                "body.max_uses"};
  }
  if (wish.expires <= std::chrono::seconds{0} || wish.expires > longest_life) {
    throw Error{
        Code::invalid,
        fmt::format("\"expires_in_hours\" must be a number from 1 to {}", longest_life.count()),
        "body.expires_in_hours"};
  }
  if (wish.host && (registry::breaks_paths(*wish.host) || !is_safe_to_type(*wish.host))) {
    throw Error{Code::invalid, "\"host\" cannot be the name of a host", "body.host"}.hint(
        "letters, digits, and \"_.:%@-\", not beginning with a dash");
  }
  if (wish.allow_key_change && !wish.host) {
    throw Error{Code::invalid,
                "\"allow_key_change\" needs \"host\": it lets that one host join with a new key",
                "body.host"};
  }
  check_line(wish.description, "body.description");
  if (wish.host) check_line(*wish.host, "body.host");
}

}  // namespace

std::chrono::seconds hours_of(std::int64_t hours) {
  return std::chrono::hours{std::clamp(hours, std::int64_t{-1}, longest_life.count() + 1)};
}

NewToken make_token(const TokenWish& wish, const JoinPlace& place, Time now) {
  const auto secret = random_hex(24);
  NewToken made;
  auto& record = made.record;
  record.id = to_base64url(random_bytes(6));
  record.secret_hash = to_hex(sha256(secret));
  record.prefix = secret.substr(0, 6);
  record.description = wish.description;
  record.host = wish.host;
  record.allow_key_change = wish.allow_key_change;
  record.allow_new_host = wish.allow_new_host;
  record.max_uses = wish.uses;
  record.created_at = now;
  record.expires_at = now + wish.expires;
  record.created_by = wish.created_by;
  made.text = protocol::encode_join_token({record.id, secret, place.url, place.controller_key});
  return made;
}

std::string token_state(const storage::TokenRecord& token, Time now) {
  if (token.revoked_at) return "revoked";
  if (token.expires_at && *token.expires_at <= now) return "expired";
  if (token.uses >= token.max_uses) return "used up";
  return "valid";
}

asio::awaitable<NewToken> JoinTokens::create(TokenWish wish) {
  check_wish(wish);
  auto made = make_token(wish, place_, clock_.now());
  co_await store_.insert(made.record);
  co_return made;
}

asio::awaitable<storage::TokenRecord> JoinTokens::find(std::string id) {
  auto found = co_await store_.find(id);
  if (!found) {
    throw Error{Code::not_found, fmt::format("no token has the id {}", id), "path.token"}.reason(
        "TOKEN_UNKNOWN");
  }
  co_return *std::move(found);
}

asio::awaitable<storage::TokenRecord> JoinTokens::revoke(std::string id) {
  auto known = co_await find(id);
  co_await store_.revoke(known.id, clock_.now());
  auto revoked = co_await find(known.id);
  co_return revoked;
}

}  // namespace portoser::fleet
