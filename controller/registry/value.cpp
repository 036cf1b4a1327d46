#include "controller/registry/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace portoser::registry {
namespace {

/// Words that one version of YAML or the other takes for null, a truth value or a merge.
constexpr std::array<std::string_view, 13> special_words{
    "null", "true", "false", "yes", "no", "on", "off", "y", "n", ".inf", ".nan", "+.inf", "-.inf"};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool is_special_word(std::string_view text) {
  return std::any_of(special_words.begin(), special_words.end(), [&](std::string_view word) {
    return std::equal(word.begin(), word.end(), text.begin(), text.end(), [](char a, char b) {
      return a == lower(b);
    });
  });
}

/// "192.0.2.7": no number in any version.
bool is_dotted(std::string_view text) {
  return std::count(text.begin(), text.end(), '.') >= 2 && is_digit(text.front()) &&
         is_digit(text.back()) && text.find("..") == std::string_view::npos &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_digit(c) || c == '.'; });
}

/// A number or a date in one of their many forms (0x1f, 1_000, 1:30, 1e5, 2026-03-04), or close
/// enough to one.
bool may_be_number(std::string_view text) {
  constexpr std::string_view letters = "0123456789.+-:_ eExXoOabcdfABCDFtTzZ";
  const char first = text.front();
  return (is_digit(first) || first == '+' || first == '-' || first == '.') && !is_dotted(text) &&
         text.find_first_not_of(letters) == std::string_view::npos;
}

bool is_control(unsigned char c) {
  return c < 0x20U || c == 0x7FU;
}

/// Characters beyond ASCII that are line breaks or invisible for some readers: U+0080 to U+00A0,
/// U+2028, U+2029, U+FEFF. Their length in UTF-8; 0: none is at `at`.
std::size_t length_of_odd_character(std::string_view text, std::size_t at) {
  const auto rest = text.substr(at);
  if (rest.starts_with("\xC2") && rest.size() > 1) {
    const auto second = static_cast<unsigned char>(rest[1]);
    return second <= 0xA0U ? 2 : 0;
  }
  const bool is_break = rest.starts_with("\xE2\x80\xA8") || rest.starts_with("\xE2\x80\xA9");
  return is_break || rest.starts_with("\xEF\xBB\xBF") ? 3 : 0;
}

bool needs_escapes(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (is_control(static_cast<unsigned char>(text[at])) || length_of_odd_character(text, at) > 0) {
      return true;
    }
  }
  return false;
}

unsigned code_point(std::string_view character) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 2) return ((byte(0) & 0x1FU) << 6U) | (byte(1) & 0x3FU);
  return ((byte(0) & 0x0FU) << 12U) | ((byte(1) & 0x3FU) << 6U) | (byte(2) & 0x3FU);
}

std::string in_double_quotes(std::string_view text) {
  std::string written = "\"";
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (const auto length = length_of_odd_character(text, at); length > 0) {
      written += fmt::format("\\u{:04X}", code_point(text.substr(at, length)));
      at += length - 1;
    } else if (c == '"' || c == '\\') {
      written += '\\';
      written += c;
    } else if (c == '\n') {
      written += "\\n";
    } else if (c == '\t') {
      written += "\\t";
    } else if (c == '\r') {
      written += "\\r";
    } else if (is_control(static_cast<unsigned char>(c))) {
      written += fmt::format("\\x{:02X}", static_cast<unsigned char>(c));
    } else {
      written += c;
    }
  }
  return written + '"';
}

std::string in_single_quotes(std::string_view text) {
  std::string written = "'";
  for (const char c : text) {
    written += c;
    if (c == '\'') written += c;
  }
  return written + '\'';
}

}  // namespace

FieldValue FieldValue::of_text(std::string text) {
  FieldValue value;
  value.kind = Kind::text;
  value.text = std::move(text);
  return value;
}

FieldValue FieldValue::of_number(long long number) {
  FieldValue value;
  value.kind = Kind::word;
  value.text = std::to_string(number);
  return value;
}

FieldValue FieldValue::of_amount(double amount) {
  FieldValue value;
  value.kind = Kind::word;
  value.text = fmt::format("{}", amount);
  return value;
}

FieldValue FieldValue::of_flag(bool flag) {
  FieldValue value;
  value.kind = Kind::word;
  value.text = flag ? "true" : "false";
  return value;
}

FieldValue FieldValue::of_list(std::vector<FieldValue> items) {
  FieldValue value;
  value.kind = Kind::list;
  value.items = std::move(items);
  return value;
}

FieldValue FieldValue::of_texts(const std::vector<std::string>& texts) {
  std::vector<FieldValue> items;
  for (const auto& text : texts) items.push_back(of_text(text));
  return of_list(std::move(items));
}

FieldValue FieldValue::of_map(std::vector<Member> members) {
  FieldValue value;
  value.kind = Kind::map;
  value.members = std::move(members);
  return value;
}

FieldValue FieldValue::of_json(const Json& json) {
  if (json.is_string()) return of_text(json.get<std::string>());
  if (json.is_boolean()) return of_flag(json.get<bool>());
  if (json.is_number_integer()) return of_number(json.get<long long>());
  if (json.is_number()) return of_amount(json.get<double>());
  if (json.is_array()) {
    std::vector<FieldValue> items;
    for (const auto& item : json) items.push_back(of_json(item));
    return of_list(std::move(items));
  }
  if (json.is_object()) {
    std::vector<Member> members;
    for (const auto& [key, member] : json.items()) members.emplace_back(key, of_json(member));
    return of_map(std::move(members));
  }
  return {};
}

bool needs_quotes(std::string_view text, bool in_flow) {
  if (text.empty() || is_special_word(text) || may_be_number(text) || needs_escapes(text)) {
    return true;
  }
  constexpr std::string_view not_first = "-?:,[]{}#&*!|>'\"%@`~=<";
  if (not_first.find(text.front()) != std::string_view::npos || text.front() == ' ' ||
      text.back() == ' ' || text.back() == ':') {
    return true;
  }
  if (text.find(": ") != std::string_view::npos || text.find(" #") != std::string_view::npos) {
    return true;
  }
  // "?" for yaml-cpp, which ends a text in brackets there.
  return in_flow && text.find_first_of(",[]{}?") != std::string_view::npos;
}

std::string write_text(std::string_view text, Quotes quotes, bool in_flow) {
  if (needs_escapes(text) || quotes == Quotes::doubled) return in_double_quotes(text);
  if (quotes == Quotes::single || needs_quotes(text, in_flow)) return in_single_quotes(text);
  return std::string{text};
}

std::string write_flow(const FieldValue& value, Quotes quotes, bool in_flow) {
  std::string written;
  switch (value.kind) {
    case FieldValue::Kind::null:
      return "null";
    case FieldValue::Kind::text:
      return write_text(value.text, quotes, in_flow);
    case FieldValue::Kind::word:
      return value.text;
    case FieldValue::Kind::list:
      for (const auto& item : value.items) {
        written += (written.empty() ? "" : ", ") + write_flow(item, quotes, true);
      }
      return "[" + written + "]";
    case FieldValue::Kind::map:
      for (const auto& [key, member] : value.members) {
        written += (written.empty() ? "" : ", ") + write_text(key, quotes, true) + ": " +
                   write_flow(member, quotes, true);
      }
      return "{" + written + "}";
  }
  return written;
}

}  // namespace portoser::registry
