/// Hashes and signatures by OpenSSL. Any thread.
#pragma once

#include <string>
#include <string_view>

namespace portoser {

std::string sha256(std::string_view data);                             ///< 32 raw bytes
std::string hmac_sha256(std::string_view key, std::string_view data);  ///< 32 raw bytes
/// Compares in a time that does not depend on where the two differ.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace portoser
