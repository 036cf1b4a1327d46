#include "controller/registry/text.h"

#include "common/crypto.h"
#include "common/ids.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace portoser::registry {
namespace {

unsigned byte_at(std::string_view text, std::size_t at) {
  return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
}

/// Bytes of the character that begins at `at`; 0 when it is not valid UTF-8 (RFC 3629).
std::size_t character_length(std::string_view text, std::size_t at) {
  const unsigned first = byte_at(text, at);
  if (first < 0x80U) {
    return 1;
  }
  const std::size_t length = first >= 0xC2U && first < 0xE0U   ? 2
                             : first >= 0xE0U && first < 0xF0U ? 3
                             : first >= 0xF0U && first < 0xF5U ? 4
                                                               : 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte_at(text, at + i) & 0xC0U) != 0x80U) {
      return 0;
    }
  }
  const unsigned second = byte_at(text, at + 1);
  const bool overlong = (first == 0xE0U && second < 0xA0U) || (first == 0xF0U && second < 0x90U);
  const bool surrogate = first == 0xEDU && second >= 0xA0U;
  const bool too_high = first == 0xF4U && second >= 0x90U;
  return overlong || surrogate || too_high ? 0 : length;
}

bool is_forbidden_control(unsigned character) {
  return (character < 0x20U && character != '\t' && character != '\n' && character != '\r') ||
         character == 0x7FU;
}

std::string_view last_line(std::string_view text) {
  const auto newline = text.rfind('\n');
  return newline == std::string_view::npos ? text : text.substr(newline + 1);
}

}  // namespace

std::string_view without_bom(std::string_view text) {
  return text.substr(0, 3) == "\xEF\xBB\xBF" ? text.substr(3) : text;
}

std::string where(std::string_view file, Mark mark) {
  return fmt::format("{}:{}:{}", file, mark.line, mark.column);
}

Error refusal(std::string_view file, Mark mark, const std::string& message, std::string_view hint) {
  auto place = where(file, mark);
  return Error{Code::invalid, message, place}.hint(hint).details(
      {ErrorDetail{std::move(place), message}});
}

void check_characters(std::string_view text, std::string_view file) {
  if (text.size() > max_registry_bytes) {
    throw refusal(file,
                  Mark{},
                  fmt::format("the registry is larger than {} MiB", max_registry_bytes >> 20U),
                  "a registry of hosts and services is far smaller: is it the right file?");
  }
  Mark mark;
  for (std::size_t at = 0; at < text.size();) {
    const auto length = character_length(text, at);
    if (length == 0) {
      throw refusal(file, mark, "the registry is not UTF-8 text here", "save it as UTF-8");
    }
    const auto character = byte_at(text, at);
    // yaml-cpp takes the byte 4 for the end of the file, and would read half of it in silence.
    if (is_forbidden_control(character)) {
      throw refusal(file,
                    mark,
                    fmt::format("there is a control character (byte {:#04x})", character),
                    "remove it; inside quotes it can be written as an escape");
    }
    if (character == '\n') {
      ++mark.line;
      mark.column = 1;
    } else {
      mark.column += static_cast<int>(length);
    }
    at += length;
  }
}

bool is_indented_with_tab(std::string_view text, int number) {
  for (int line = 1; line < number; ++line) {
    text.remove_prefix(std::min(text.find('\n'), text.size()));
    text.remove_prefix(text.empty() ? 0 : 1);
  }
  const auto line = text.substr(0, text.find('\n'));
  const auto content = line.find_first_not_of(" \t\r");
  return content != std::string_view::npos && line.find('\t') < content;
}

bool ends_mid_entry(std::string_view text) {
  auto line = last_line(text);
  const auto first = line.find_first_not_of(" \t");
  if (first == std::string_view::npos || line[first] == '#' ||
      line.find(" #") != std::string_view::npos) {
    return false;
  }
  line = line.substr(first, line.find_last_not_of(" \t") + 1 - first);
  return line.back() == ':' || line == "-";
}

bool is_cut_off(std::string_view text, std::string_view before) {
  return !text.empty() && text.size() < before.size() && before.starts_with(text) &&
         text.back() != '\n' && before[text.size()] != '\n' && before[text.size()] != '\r';
}

std::string revision_of(std::string_view text) {
  return to_hex(sha256(text)).substr(0, 16);
}

}  // namespace portoser::registry
