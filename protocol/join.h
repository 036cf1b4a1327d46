/// The join token: how a host without an identity finds its controller, knows it and proves that it
/// may join. A target of its own (`portoser_join`), so that the agent's daemon loads no OpenSSL.
/// Any thread.
#pragma once

#include <string>
#include <string_view>

namespace portoser::protocol {

struct JoinToken {
  std::string id;
  std::string secret;          ///< never travels; see `join_proof`
  std::string url;             ///< base URL of the joining listener: "http://10.0.0.5:8991"
  std::string controller_key;  ///< the controller's public CURVE key in Z85

  bool operator==(const JoinToken&) const = default;
};

/// "portoser1." and the base64url of a JSON object.
std::string encode_join_token(const JoinToken& token);
/// Blanks around it are ignored. Not a token, or one that was cut off: `Error{invalid}` that says
/// which.
JoinToken decode_join_token(std::string_view text);

/// What the host sends instead of the secret: lower-case hexadecimal HMAC-SHA256 of name and public
/// key under the SHA-256 of the secret (32 raw bytes), which is all that the controller keeps.
std::string join_proof(std::string_view secret_sha256,
                       std::string_view name,
                       std::string_view public_key);

}  // namespace portoser::protocol
