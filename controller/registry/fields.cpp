#include "controller/registry/fields.h"

#include "controller/registry/masked.h"
#include "controller/registry/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

namespace portoser::registry {
namespace {

/// As a message shows it. Hidden before it is cut: half a URL does not look like a secret any more.
std::string shown_in_message(const std::string& text) {
  return mask_text(text).substr(0, 80);
}

}  // namespace

std::optional<long long> to_number(std::string_view text) {
  long long value = 0;
  const auto* const end = text.data() + text.size();
  const auto [stopped, failure] = std::from_chars(text.data(), end, value);
  if (failure != std::errc{} || stopped != end) {
    return std::nullopt;
  }
  return value;
}

Fields::Fields(const Node& map, std::string path, Notes& notes)
    : node_(&map), path_(std::move(path)), notes_(&notes) {
  for (const auto& member : node_->members) {
    const auto [first, is_new] = members_.emplace(member.key, &member);
    if (!is_new) {
      notes_->error(place(member),
                    fmt::format("the key \"{}\" is there twice; the one in line {} is read",
                                member.key,
                                first->second->mark.line),
                    "remove one of them");
    }
  }
}

Place Fields::place(const Member& member) const {
  return Place{path_.empty() ? member.key : path_ + "." + member.key, member.mark};
}

void Fields::known(Names names) {
  known_.insert(known_.end(), names.begin(), names.end());
}

const Member* Fields::find(Names names) {
  known(names);
  const Member* chosen = nullptr;
  for (const auto name : names) {
    const auto found = members_.find(name);
    if (found == members_.end() || found->second->value->is_null()) {
      continue;
    }
    const auto* member = found->second;
    if (chosen == nullptr) {
      chosen = member;
    } else if (!same_content(*chosen->value, *member->value) && clashes_.insert(member).second) {
      notes_->warning(place(*member),
                      fmt::format("\"{}\" means the same as \"{}\" and says something else; \"{}\" "
                                  "is read",
                                  member->key,
                                  chosen->key,
                                  chosen->key),
                      fmt::format("remove one of the two, best \"{}\"", member->key));
    }
  }
  return chosen;
}

void Fields::wrong_type(const Member& member, std::string_view wanted, Severity severity) {
  const auto& value = *member.value;
  const auto message =
      value.is_scalar() ? fmt::format("\"{}\" is \"{}\"", member.key, shown_in_message(value.text))
                        : fmt::format("\"{}\" is {}", member.key, kind_name(value));
  const auto at = Place{place(member).path, value.mark};
  notes_->add(severity, at, message, fmt::format("it must be {}", wanted));
}

std::string Fields::text(Names names, Severity severity) {
  const auto* member = find(names);
  if (member == nullptr) {
    return {};
  }
  if (!member->value->is_scalar()) {
    wrong_type(*member, "plain text", severity);
    return {};
  }
  return member->value->text;
}

std::optional<int> Fields::number(Names names, int low, int high, Severity severity) {
  const auto* member = find(names);
  if (member == nullptr) {
    return std::nullopt;
  }
  const auto value = member->value->is_scalar() ? to_number(member->value->text) : std::nullopt;
  if (!value || *value < low || *value > high) {
    wrong_type(*member, fmt::format("a whole number from {} to {}", low, high), severity);
    return std::nullopt;
  }
  return static_cast<int>(*value);
}

std::optional<double> Fields::amount(Names names) {
  const auto* member = find(names);
  if (member == nullptr) {
    return std::nullopt;
  }
  if (member->value->is_scalar()) {
    const auto& text = member->value->text;
    double value = 0;
    const auto* const end = text.data() + text.size();
    const auto [stopped, failure] = std::from_chars(text.data(), end, value);
    if (failure == std::errc{} && stopped == end && std::isfinite(value) && value >= 0) {
      return value;
    }
  }
  wrong_type(*member, "a number that is not negative", Severity::warning);
  return std::nullopt;
}

std::optional<bool> Fields::flag(Names names) {
  const auto* member = find(names);
  if (member == nullptr) {
    return std::nullopt;
  }
  if (member->value->is_scalar()) {
    auto word = member->value->text;
    std::transform(word.begin(), word.end(), word.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    });
    // YAML 1.1, which most other programs of this field read, has all of these.
    if (word == "true" || word == "yes" || word == "on") return true;
    if (word == "false" || word == "no" || word == "off") return false;
  }
  wrong_type(*member, "true or false", Severity::warning);
  return std::nullopt;
}

std::vector<std::string> Fields::texts(Names names, Severity severity) {
  std::vector<std::string> values;
  const auto* member = find(names);
  if (member == nullptr) {
    return values;
  }
  if (member->value->is_map()) {
    wrong_type(*member, "a list", severity);
    return values;
  }
  if (member->value->is_scalar()) {
    wrong_type(*member,
               fmt::format("a list: [{}]", shown_in_message(member->value->text)),
               Severity::warning);
  }
  for (const auto& element : elements(*member, place(*member))) {
    if (element.node->is_scalar()) {
      values.push_back(element.node->text);
    } else {
      notes_->add(
          severity,
          element.place,
          fmt::format("this element of \"{}\" is {}", member->key, kind_name(*element.node)),
          "it must be plain text");
    }
  }
  return values;
}

const Member* Fields::map(Names names) {
  const auto* member = find(names);
  if (member == nullptr || member->value->is_map()) {
    return member;
  }
  wrong_type(*member, "a map", Severity::warning);
  return nullptr;
}

void Fields::report_unknown() {
  for (const auto& member : node_->members) {
    if (member.key.starts_with("x-") ||
        std::find(known_.begin(), known_.end(), member.key) != known_.end()) {
      continue;
    }
    if (member.key == "<<") {
      notes_->warning(place(member),
                      "the merge key \"<<\" has nothing to merge",
                      "it takes an alias of a map, or a list of them");
      continue;
    }
    const auto close = nearest(member.key, known_);
    notes_->warning(place(member),
                    fmt::format("the key \"{}\" is unknown; it is kept", member.key),
                    close.empty() ? "begin the names of your own keys with \"x-\""
                                  : fmt::format("did you mean \"{}\"?", close));
  }
}

std::vector<Element> elements(const Member& member, const Place& place) {
  std::vector<Element> found;
  if (!member.value->is_list()) {
    found.push_back(Element{member.value.get(), Place{place.path, member.value->mark}});
    return found;
  }
  std::size_t index = 0;
  for (const auto& item : member.value->items) {
    found.push_back(
        Element{item.get(), Place{fmt::format("{}[{}]", place.path, index++), item->mark}});
  }
  return found;
}

}  // namespace portoser::registry
