/// What in a registry is a secret by its look, and what is shown instead. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace portoser::registry {

inline constexpr std::string_view mask = "***";

/// By the words in it: password, passwd, secret, token, key, credential.
bool looks_secret(std::string_view key);

/// Texts carry secrets too, in each of their lines: "DB_PASSWORD=...", "X-Token: ..." and
/// "scheme://user:password@host". Behind a name that looks secret the rest of the line is hidden.
std::string mask_text(const std::string& text);

/// The same for a comment or a line that need not be YAML: here "token:..." is a secret too.
std::string mask_line(std::string_view line);

/// Whether a "***" stands in the text where one of these would put one.
bool has_mask(std::string_view text);

}  // namespace portoser::registry
