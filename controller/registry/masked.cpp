#include "controller/registry/masked.h"

#include "controller/registry/entries.h"
#include "controller/registry/fields.h"

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
  const auto equals = text.find('=');
  const auto blank = text.find_first_of(" \t\n/?");
  if (equals != std::string::npos && equals < blank &&
      looks_secret(std::string_view{text}.substr(0, equals))) {
    return text.substr(0, equals + 1) + std::string{mask};
  }
  const auto scheme = text.find("://");
  if (scheme == std::string::npos) {
    return text;
  }
  const auto begin = scheme + 3;
  const auto authority = text.substr(begin, text.find_first_of("/?# \n", begin) - begin);
  const auto at = authority.rfind('@');
  const auto colon = authority.find(':');
  if (at == std::string::npos || colon == std::string::npos || colon > at) {
    return text;
  }
  return text.substr(0, begin + colon + 1) + std::string{mask} + text.substr(begin + at);
}

std::string masked_json(const Node& entry) {
  return to_value(entry).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace portoser::registry
