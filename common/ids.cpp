#include "common/ids.h"

#include "common/error.h"

#include <sys/random.h>

#include <array>
#include <cstdint>

namespace portoser {
namespace {

constexpr std::string_view crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::string_view base64url =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::uint8_t byte_of(char c) {
  return static_cast<std::uint8_t>(c);
}

}  // namespace

std::string random_bytes(std::size_t bytes) {
  std::string out(bytes, '\0');
  std::size_t filled = 0;
  while (filled < bytes) {
    const auto got = ::getrandom(out.data() + filled, bytes - filled, 0);
    if (got > 0) {
      filled += static_cast<std::size_t>(got);
    }
  }
  return out;
}

std::string to_hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    out += digits[byte_of(c) >> 4];
    out += digits[byte_of(c) & 15];
  }
  return out;
}

std::string from_hex(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    const auto high = digits.find(text[i]);
    const auto low = digits.find(text[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) break;
    out += static_cast<char>(high * 16 + low);
  }
  if (out.size() * 2 != text.size()) {
    throw Error{Code::invalid, "this is not lower-case hexadecimal"};
  }
  return out;
}

std::string random_hex(std::size_t bytes) {
  return to_hex(random_bytes(bytes));
}

std::string make_ulid(Time now) {
  std::array<std::uint8_t, 16> raw{};
  const auto ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count());
  for (std::size_t i = 0; i < 6; ++i) {
    raw[i] = static_cast<std::uint8_t>(ms >> (8 * (5 - i)));
  }
  const auto random = random_bytes(10);
  for (std::size_t i = 0; i < 10; ++i) {
    raw[6 + i] = byte_of(random[i]);
  }
  // 128 bits as 26 groups of 5, the first of which holds only 3.
  std::string out(26, '0');
  for (std::size_t letter = 0; letter < 26; ++letter) {
    unsigned value = 0;
    for (std::size_t bit = 0; bit < 5; ++bit) {
      const auto position = static_cast<int>(letter * 5 + bit) - 2;
      value <<= 1;
      if (position >= 0) {
        const auto index = static_cast<std::size_t>(position);
        value |= (raw[index / 8] >> (7 - index % 8)) & 1U;
      }
    }
    out[letter] = crockford[value];
  }
  return out;
}

bool is_ulid(std::string_view text) {
  return text.size() == 26 && text.front() <= '7' &&
         text.find_first_not_of(crockford) == std::string_view::npos;
}

std::string to_base64url(std::string_view bytes) {
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : bytes) {
    bits = (bits << 8) | byte_of(c);
    count += 8;
    while (count >= 6) {
      count -= 6;
      out += base64url[(bits >> count) & 63];
    }
  }
  if (count > 0) {
    out += base64url[(bits << (6 - count)) & 63];
  }
  return out;
}

std::string from_base64url(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const auto value = base64url.find(c);
    if (value == std::string_view::npos) {
      throw Error{Code::invalid,
                  "this is not base64url: it has a letter that does not belong there"};
    }
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>((bits >> count) & 255);
    }
  }
  return out;
}

}  // namespace portoser
