#include "protocol/join.h"

#include "common/crypto.h"
#include "common/describe_json.h"
#include "common/error.h"
#include "common/ids.h"
#include "protocol/curve.h"

namespace portoser::protocol {
namespace {

constexpr std::string_view prefix = "portoser1.";

struct TokenBody {
  std::string id;
  std::string secret;
  std::string url;
  std::string key;
};
BOOST_DESCRIBE_STRUCT(TokenBody, (), (id, secret, url, key))

Error bad_token(const std::string& message) {
  return Error{Code::invalid, message, "join token"}.hint(
      "copy the whole token; a new one comes from: portoser-controller token create");
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const auto begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

TokenBody parse_body(std::string_view base64) {
  TokenBody body;
  std::string text;
  try {
    text = from_base64url(base64);
  } catch (const Error&) {
    throw bad_token("the join token holds letters that do not belong there");
  }
  const auto json = Json::parse(text, nullptr, false);
  if (!json.is_object()) throw bad_token("the join token is not complete: it was cut off");
  try {
    from_json(json, body, "token");
  } catch (const Error& error) {
    throw bad_token("the join token is damaged: " + error.message());
  }
  return body;
}

}  // namespace

std::string encode_join_token(const JoinToken& token) {
  const TokenBody body{token.id, token.secret, token.url, token.controller_key};
  return std::string{prefix} + to_base64url(dump(to_json(body)));
}

JoinToken decode_join_token(std::string_view text) {
  text = trim(text);
  if (!text.starts_with(prefix)) {
    throw bad_token("this is not a join token: one begins with \"" + std::string{prefix} + "\"");
  }
  const auto body = parse_body(text.substr(prefix.size()));
  if (body.id.empty() || body.secret.empty()) throw bad_token("the join token has no id or secret");
  if (!body.url.starts_with("http://") && !body.url.starts_with("https://")) {
    throw bad_token("the join token holds no http address of a controller");
  }
  if (!is_key(body.key)) throw bad_token("the join token holds no public key of a controller");
  return {body.id, body.secret, body.url, body.key};
}

std::string join_proof(std::string_view secret_sha256,
                       std::string_view name,
                       std::string_view public_key) {
  auto message = std::string{name} + "\n";
  message += public_key;
  return to_hex(hmac_sha256(secret_sha256, message));
}

}  // namespace portoser::protocol
