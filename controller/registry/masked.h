/// What in a registry is a secret by its look, and what is shown instead. Private to the room.
#pragma once

#include <string>
#include <string_view>

namespace portoser::registry {

inline constexpr std::string_view mask = "***";

/// By the words in it: password, passwd, secret, token, key, credential.
bool looks_secret(std::string_view key);

/// Texts carry secrets too: "DB_PASSWORD=..." in a list, and "scheme://user:password@host".
std::string mask_text(const std::string& text);

}  // namespace portoser::registry
