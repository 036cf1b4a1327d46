#include "common/derived_ulid.h"

#include "common/crypto.h"
#include "common/error.h"
#include "common/ids.h"

#include <cstdint>
#include <string_view>

namespace portoser {

std::string derived_ulid(const std::string& ulid, const std::string& what) {
  constexpr std::string_view letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  constexpr std::size_t time_letters = 10;
  constexpr std::size_t hash_bytes = 10;
  if (!is_ulid(ulid)) throw Error{Code::invalid, "\"" + ulid + "\" is not a ULID"};
  // The first is as long as it is, so no other pair gives this text.
  const auto hash = sha256(ulid + what);
  auto out = ulid.substr(0, time_letters);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char byte : hash.substr(0, hash_bytes)) {
    bits = (bits << 8U) | static_cast<std::uint8_t>(byte);
    count += 8;
    while (count >= 5) {
      count -= 5;
      out += letters[(bits >> static_cast<unsigned>(count)) & 31U];
    }
  }
  return out;
}

}  // namespace portoser
