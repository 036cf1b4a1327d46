/// Messages as systemd sends them, for tests: answers, errors and signals.
#pragma once

#include "agent/systemd/wire.h"

#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace portoser::agent::systemd {

class BytesWriter {
 public:
  void align(std::size_t to) {
    while (bytes.size() % to != 0) bytes.push_back('\0');
  }
  template <class Number>
  void number(Number value) {
    align(sizeof value);
    std::string raw(sizeof value, '\0');
    std::memcpy(raw.data(), &value, sizeof value);
    bytes += raw;
  }
  void text(std::string_view value) {
    number(static_cast<std::uint32_t>(value.size()));
    bytes += value;
    bytes.push_back('\0');
  }
  void signature(std::string_view value) {
    bytes.push_back(static_cast<char>(value.size()));
    bytes += value;
    bytes.push_back('\0');
  }
  void variant(const Value& value) {
    if (const auto* flag = std::get_if<bool>(&value)) {
      signature("b");
      number(std::uint32_t{*flag ? 1U : 0U});
    } else if (const auto* signed_number = std::get_if<std::int64_t>(&value)) {
      signature("x");
      number(*signed_number);
    } else if (const auto* plain = std::get_if<std::uint64_t>(&value)) {
      signature("t");
      number(*plain);
    } else if (const auto* words = std::get_if<std::string>(&value)) {
      signature("s");
      text(*words);
    } else {
      signature("(uo)");
      align(8);
      number(std::uint32_t{0});
      text("/");
    }
  }
  void properties(const Properties& all) {
    BytesWriter entries;
    for (const auto& [key, value] : all) {
      entries.align(8);
      entries.text(key);
      entries.variant(value);
    }
    number(static_cast<std::uint32_t>(entries.bytes.size()));
    align(8);
    bytes += entries.bytes;
  }

  std::string bytes;
};

/// `message.body` with what stands before it.
inline std::string bytes_of(const Message& message) {
  BytesWriter out;
  constexpr std::uint16_t one = 1;
  char first = 0;
  std::memcpy(&first, &one, 1);
  out.bytes.push_back(first == 1 ? 'l' : 'B');
  out.bytes.push_back(static_cast<char>(message.type));
  out.bytes.push_back('\0');
  out.bytes.push_back('\1');
  out.number(static_cast<std::uint32_t>(message.body.size()));
  out.number(message.serial);
  out.number(std::uint32_t{0});
  const auto field = [&](char code, std::string_view kind, std::string_view value) {
    if (value.empty()) return;
    out.align(8);
    out.bytes.push_back(code);
    out.signature(kind);
    if (kind == "g") {
      out.signature(value);
    } else {
      out.text(value);
    }
  };
  field(1, "o", message.path);
  field(2, "s", message.interface);
  field(3, "s", message.member);
  field(4, "s", message.error_name);
  if (message.reply_serial != 0) {
    out.align(8);
    out.bytes.push_back('\5');
    out.signature("u");
    out.number(message.reply_serial);
  }
  field(8, "g", message.signature);
  const auto fields = static_cast<std::uint32_t>(out.bytes.size() - fixed_bytes);
  std::memcpy(out.bytes.data() + 12, &fields, sizeof fields);
  out.align(8);
  return out.bytes + message.body;
}

}  // namespace portoser::agent::systemd
