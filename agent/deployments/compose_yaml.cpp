#include "agent/deployments/compose_yaml.h"

#include "common/file.h"

#include <filesystem>

namespace portoser::agent::deployments {
namespace {

/// `extends` may go round in a circle.
constexpr int deepest_extends = 16;
/// Lists of merge keys that name lists of merge keys have as many ways through them as the product
/// of their lengths.
constexpr int most_visited = 1000;

YAML::Node member_of(const YAML::Node& map, const std::string& key, int depth, int& visits) {
  if (!map.IsMap() || depth > deepest_extends || --visits < 0) {
    return YAML::Node{YAML::NodeType::Undefined};
  }
  if (const auto own = map[key]) return own;
  const auto merged = map["<<"];
  if (!merged) return YAML::Node{YAML::NodeType::Undefined};
  if (merged.IsMap()) return member_of(merged, key, depth + 1, visits);
  if (merged.IsSequence()) {
    for (const auto& one : merged) {
      if (visits < 0) break;
      if (auto found = member_of(one, key, depth + 1, visits)) return found;
    }
  }
  return YAML::Node{YAML::NodeType::Undefined};
}

bool names_of(const YAML::Node& node, const OnName& on_name, int depth, int& visits) {
  if (depth > deepest_extends || --visits < 0 || !(node.IsMap() || node.IsSequence())) return false;
  for (const auto& entry : node) {
    const YAML::Node& key = node.IsMap() ? entry.first : entry;
    if (!key.IsScalar()) return false;
    if (!node.IsMap()) {
      on_name(key.Scalar(), YAML::Node{});
    } else if (key.Scalar() != "<<") {
      on_name(key.Scalar(), entry.second);
    } else if (entry.second.IsSequence()) {
      for (const auto& one : entry.second) {
        if (!one.IsMap() || !names_of(one, on_name, depth + 1, visits)) return false;
      }
    } else if (!entry.second.IsMap() || !names_of(entry.second, on_name, depth + 1, visits)) {
      return false;
    }
  }
  return true;
}

}  // namespace

YAML::Node load_compose(const std::string& file) {
  try {
    return YAML::Load(read_file(file, 4U << 20U));
  } catch (const std::exception&) {
    return {};
  }
}

YAML::Node parse_compose(const std::string& text) {
  try {
    return YAML::Load(text);
  } catch (const std::exception&) {
    return {};
  }
}

YAML::Node member(const YAML::Node& map, const std::string& key) {
  int visits = most_visited;
  return member_of(map, key, 0, visits);
}

std::string text_of(const YAML::Node& node) {
  return node && node.IsScalar() ? node.Scalar() : std::string{};
}

bool each_name(const YAML::Node& node, const OnName& on_name) {
  int visits = most_visited;
  return !node || node.IsNull() || names_of(node, on_name, 0, visits);
}

YAML::Node inherited(const std::string& file,
                     const YAML::Node& root,
                     const YAML::Node& service,
                     const std::string& key,
                     int depth) {
  if (auto own = member(service, key)) return own;
  const auto extends = member(service, "extends");
  if (!extends || depth > deepest_extends) return YAML::Node{YAML::NodeType::Undefined};
  auto base_name = text_of(extends);
  auto base_file = file;
  if (extends.IsMap()) {
    base_name = text_of(member(extends, "service"));
    if (const auto other = text_of(member(extends, "file")); !other.empty()) {
      base_file = (std::filesystem::path{file}.parent_path() / other).string();
    }
  }
  const auto base_root = base_file == file ? root : load_compose(base_file);
  const auto base = member(member(base_root, "services"), base_name);
  if (!base) return YAML::Node{YAML::NodeType::Undefined};
  return inherited(base_file, base_root, base, key, depth + 1);
}

bool has_profile(const YAML::Node& service) {
  const auto profiles = member(service, "profiles");
  return profiles && profiles.IsSequence() && profiles.size() > 0;
}

}  // namespace portoser::agent::deployments
