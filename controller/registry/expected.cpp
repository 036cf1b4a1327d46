#include "controller/registry/expected.h"

#include <fmt/format.h>

#include <algorithm>

namespace portoser::registry {
namespace {

NodePtr node_of(const FieldValue& value) {
  auto node = std::make_shared<Node>();
  switch (value.kind) {
    case FieldValue::Kind::null:
      break;
    case FieldValue::Kind::text:
    case FieldValue::Kind::word:
      node->kind = Node::Kind::scalar;
      node->text = value.text;
      node->plain = value.kind == FieldValue::Kind::word;
      break;
    case FieldValue::Kind::list:
      node->kind = Node::Kind::list;
      for (const auto& item : value.items) node->items.push_back(node_of(item));
      break;
    case FieldValue::Kind::map:
      node->kind = Node::Kind::map;
      for (const auto& [key, member] : value.members) {
        node->members.push_back(Member{key, {}, node_of(member), false});
      }
      break;
  }
  return node;
}

/// A new member goes behind the map's own ones; those that were merged stand last.
void set_in(std::vector<Member>& members, const std::string& key, NodePtr value) {
  const auto own = [&](const Member& member) { return member.key == key && !member.merged; };
  if (const auto found = std::find_if(members.begin(), members.end(), own);
      found != members.end()) {
    found->value = std::move(value);
    return;
  }
  std::erase_if(members, [&](const Member& member) { return member.key == key; });
  const auto first_merged = std::find_if(
      members.begin(), members.end(), [](const Member& member) { return member.merged; });
  members.insert(first_merged, Member{key, {}, std::move(value), false});
}

NodePtr changed(const NodePtr& map, const EditStep& step, std::size_t depth) {
  auto copy = std::make_shared<Node>();
  if (map) *copy = *map;
  if (copy->is_null()) copy->kind = Node::Kind::map;
  if (!copy->is_map()) throw Error{Code::internal, "an edit leads through what is no map"};
  if (depth == step.map.size()) {
    if (step.value) {
      set_in(copy->members, step.key, node_of(*step.value));
    } else {
      std::erase_if(copy->members,
                    [&](const Member& member) { return member.key == step.key && !member.merged; });
    }
    return copy;
  }
  const auto& key = step.map[depth];
  const auto found = std::find_if(copy->members.begin(),
                                  copy->members.end(),
                                  [&](const Member& member) { return member.key == key; });
  if (found == copy->members.end()) {
    throw Error{Code::internal, "an edit leads to what is not there"};
  }
  const auto before = found->value;
  const auto after = changed(before, step, depth + 1);
  // At the top the old backend wrote `machines` as an alias of `hosts`: it follows.
  for (auto& member : copy->members) {
    if (&member == &*found || (depth == 0 && member.value == before)) member.value = after;
  }
  return copy;
}

bool same_kind_of_scalar(const Node& a, const Node& b) {
  return a.plain == b.plain || !needs_quotes(a.text, false);
}

std::optional<std::string> difference(const Node& a, const Node& b, const std::string& path) {
  if (&a == &b) return std::nullopt;
  if (a.kind != b.kind || a.text != b.text) return path;
  if (a.is_scalar()) return same_kind_of_scalar(a, b) ? std::nullopt : std::optional{path};
  for (std::size_t i = 0; i < std::max(a.items.size(), b.items.size()); ++i) {
    const auto here = fmt::format("{}[{}]", path, i);
    if (i >= a.items.size() || i >= b.items.size()) return here;
    if (auto found = difference(*a.items[i], *b.items[i], here)) return found;
  }
  for (std::size_t i = 0; i < std::max(a.members.size(), b.members.size()); ++i) {
    const auto& one = i < a.members.size() ? a.members[i] : b.members[i];
    const auto here = path.empty() ? one.key : path + "." + one.key;
    if (i >= a.members.size() || i >= b.members.size()) return here;
    const auto& other = b.members[i];
    if (one.key != other.key || one.merged != other.merged) return here;
    if (auto found = difference(*one.value, *other.value, here)) return found;
  }
  return std::nullopt;
}

}  // namespace

NodePtr with_step(const NodePtr& root, const EditStep& step) {
  return changed(root, step, 0);
}

std::optional<std::string> first_difference(const NodePtr& expected, const NodePtr& actual) {
  const Node nothing;
  return difference(expected ? *expected : nothing, actual ? *actual : nothing, "");
}

bool says(const Node& node, const FieldValue& value) {
  return !difference(*node_of(value), node, "x");
}

}  // namespace portoser::registry
