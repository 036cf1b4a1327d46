#include "controller/registry/masked.h"

#include "controller/registry/entries.h"
#include "controller/registry/fields.h"
#include "controller/registry/splices.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <unordered_set>
#include <utility>

namespace portoser::registry {
namespace {

using Json = nlohmann::ordered_json;

Json plain_value(const std::string& text) {
  if (text == "true" || text == "True") return true;
  if (text == "false" || text == "False") return false;
  const bool leading_zero = text.size() > 1 && text[0] == '0' && text[1] != '.';
  if (leading_zero) {
    return text;  // a version or an id: its zeros matter
  }
  if (const auto number = to_number(text)) {
    return *number;
  }
  double value = 0;
  const auto* const end = text.data() + text.size();
  const auto [stopped, failure] = std::from_chars(text.data(), end, value);
  if (failure == std::errc{} && stopped == end && std::isfinite(value)) {
    return value;
  }
  return mask_text(text);
}

Json to_value(const Node& node) {
  switch (node.kind) {
    case Node::Kind::null:
      return nullptr;
    case Node::Kind::scalar:
      return node.plain ? plain_value(node.text) : Json(mask_text(node.text));
    case Node::Kind::list: {
      auto list = Json::array();
      for (const auto& item : node.items) {
        list.push_back(to_value(*item));
      }
      return list;
    }
    case Node::Kind::map: {
      // ordered_json looks a key up by walking, so a map of very many keys is built as pairs.
      Json::object_t map;
      std::unordered_set<std::string_view> seen;
      for (const auto& member : node.members) {
        if (!seen.insert(member.key).second) {
          continue;  // the first one is in force
        }
        auto value = looks_secret(member.key) && !member.value->is_null() ? Json(mask)
                                                                          : to_value(*member.value);
        static_cast<Json::object_t::Container&>(map).emplace_back(member.key, std::move(value));
      }
      return map;
    }
  }
  return nullptr;
}

/// Comments are read as people write them, values as programs do.
enum class MaskedAs { value, comment };

bool is_word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

bool is_one_of(std::string_view characters, std::string_view line, std::size_t at) {
  return at < line.size() && characters.find(line[at]) != npos;
}

/// Whether what stands behind the ":" or "=" at `at` belongs to a name that looks secret.
bool assigns_secret(std::string_view line, std::size_t at, MaskedAs kind) {
  if (line.substr(at).starts_with("://")) return false;
  auto end = at;
  while (end > 0 && is_one_of(" \t'\"", line, end - 1)) --end;
  auto begin = end;
  while (begin > 0 && is_word_character(line[begin - 1])) --begin;
  if (!looks_secret(line.substr(begin, end - begin))) return false;
  if (kind == MaskedAs::comment) return true;
  const auto is_before = [&](std::string_view characters) {
    return begin > 0 && is_one_of(characters, line, begin - 1);
  };
  if (line[at] == '=') return !is_before("?&");
  // "keycloak:24" is an image, and "/srv/keys:/keys" a volume.
  return is_one_of(" \t'\"", line, at + 1) || end < at || is_before("'\"");
}

/// A word with the passwords of the URLs in it hidden.
std::string mask_word(std::string_view word) {
  for (auto scheme = word.find("://"); scheme != npos; scheme = word.find("://", scheme + 3)) {
    const auto begin = scheme + 3;
    const auto end = std::min(word.find_first_of("/?#", begin), word.size());
    const auto authority = word.substr(begin, end - begin);
    const auto colon = authority.find(':');
    const auto at = word.rfind('@');
    if (colon == npos || at == npos || at < begin + colon) continue;
    // A password may have a slash in it. Behind a port an "@" belongs to the path.
    const auto behind = authority.substr(colon + 1);
    const bool is_port = !behind.empty() && behind.find_first_not_of("0123456789") == npos;
    if (at > end && is_port) continue;
    return std::string{word.substr(0, begin + colon + 1)} + std::string{mask} +
           std::string{word.substr(at)};
  }
  return std::string{word};
}

std::string mask_words(std::string_view line) {
  std::string shown;
  for (std::size_t at = 0; at < line.size();) {
    const auto blank = std::min(line.find_first_of(" \t", at), line.size());
    shown += mask_word(line.substr(at, blank - at));
    const auto word = std::min(line.find_first_not_of(" \t", blank), line.size());
    shown += line.substr(blank, word - blank);
    at = word;
  }
  return shown;
}

std::string mask_one_line(std::string_view line, MaskedAs kind) {
  for (auto at = line.find_first_of(":="); at != npos; at = line.find_first_of(":=", at + 1)) {
    if (line.find_first_not_of(" \t'\"", at + 1) == npos) break;
    if (!assigns_secret(line, at, kind)) continue;
    return mask_words(line.substr(0, at)) + (line[at] == ':' ? ": " : "=") + std::string{mask};
  }
  return mask_words(line);
}

std::string mask_lines(std::string_view text, MaskedAs kind) {
  std::string shown;
  for (auto end = text.find('\n'); end != npos; end = text.find('\n')) {
    shown += mask_one_line(text.substr(0, end), kind) + '\n';
    text.remove_prefix(end + 1);
  }
  return shown + mask_one_line(text, kind);
}

std::size_t count_of(std::string_view word, std::string_view text) {
  std::size_t count = 0;
  for (auto at = text.find(word); at != npos; at = text.find(word, at + word.size())) ++count;
  return count;
}

}  // namespace

bool looks_secret(std::string_view key) {
  static constexpr std::array<std::string_view, 6> words{
      "password", "passwd", "secret", "token", "key", "credential"};
  std::string lower{key};
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    return lower.find(word) != std::string::npos;
  });
}

std::string mask_text(const std::string& text) {
  return mask_lines(text, MaskedAs::value);
}

std::string mask_line(std::string_view line) {
  return mask_one_line(line, MaskedAs::comment);
}

bool has_mask(std::string_view text) {
  constexpr std::string_view word = "Put-In-Its-Place";
  std::string marked;
  for (auto at = text.find(mask); at != npos; at = text.find(mask)) {
    marked.append(text.substr(0, at)).append(word);
    text.remove_prefix(at + mask.size());
  }
  marked.append(text);
  return count_of(word, mask_lines(marked, MaskedAs::comment)) < count_of(word, marked);
}

std::string masked_json(const Node& entry) {
  return to_value(entry).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace portoser::registry
