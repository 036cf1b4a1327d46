#include "agent/transfer/line_text.h"

#include "common/error.h"
#include "common/ids.h"

#include <fmt/format.h>

namespace portoser::agent::transfer {

std::string escaped(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (const char each : bytes) {
    const auto byte = static_cast<unsigned char>(each);
    if (byte < 0x20 || byte >= 0x7f || each == '\\') {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += each;
    }
  }
  return out;
}

std::string unescaped(std::string_view text) {
  constexpr std::size_t length = 4;  // of "\xNN"
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    if (text.front() != '\\') {
      out += text.front();
      text.remove_prefix(1);
      continue;
    }
    if (text.size() < length || text[1] != 'x') {
      throw Error{Code::invalid, fmt::format("\"{}\" is not escaped as it should be", text)};
    }
    out += from_hex(text.substr(2, 2));
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace portoser::agent::transfer
