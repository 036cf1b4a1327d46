/// Identifiers and randomness from the kernel. Any thread.
#pragma once

#include "common/clock.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace portoser {

/// A ULID: 48 bits of milliseconds and 80 random bits in 26 letters of Crockford's base 32, so that
/// ids sort by the time they were made (https://github.com/ulid/spec).
std::string make_ulid(Time now);
bool is_ulid(std::string_view text);

/// `bytes` random bytes.
std::string random_bytes(std::size_t bytes);
/// `bytes` random bytes as lower-case hexadecimal.
std::string random_hex(std::size_t bytes);
std::string to_hex(std::string_view bytes);
/// Bad input: `Error{invalid}`.
std::string from_hex(std::string_view text);

/// URL-safe base64 without padding (RFC 4648, section 5).
std::string to_base64url(std::string_view bytes);
/// Bad input: `Error{invalid}`.
std::string from_base64url(std::string_view text);

}  // namespace portoser
