#include "agent/actions/compose_file.h"

#include "common/file.h"

#include <filesystem>
#include <yaml-cpp/yaml.h>

namespace portoser::agent::actions {
namespace {

/// `extends` may go round in a circle.
constexpr int deepest_extends = 16;

YAML::Node load(const std::string& file) {
  try {
    return YAML::Load(read_file(file, 4U << 20U));
  } catch (const std::exception&) {
    return {};
  }
}

/// The member, also by a merge key, which yaml-cpp does not resolve. Undefined: there is none.
YAML::Node member(const YAML::Node& map, const std::string& key, int depth = 0) {
  if (!map.IsMap() || depth > deepest_extends) return YAML::Node{YAML::NodeType::Undefined};
  if (const auto own = map[key]) return own;
  const auto merged = map["<<"];
  if (!merged) return YAML::Node{YAML::NodeType::Undefined};
  if (merged.IsMap()) return member(merged, key, depth + 1);
  if (merged.IsSequence()) {
    for (const auto& one : merged) {
      if (auto found = member(one, key, depth + 1)) return found;
    }
  }
  return YAML::Node{YAML::NodeType::Undefined};
}

std::string text(const YAML::Node& node) {
  return node && node.IsScalar() ? node.Scalar() : std::string{};
}

/// A member of a service, its own or that of the one it extends.
YAML::Node inherited(const std::string& file,
                     const YAML::Node& root,
                     const YAML::Node& service,
                     const std::string& key,
                     int depth = 0) {
  if (auto own = member(service, key)) return own;
  const auto extends = member(service, "extends");
  if (!extends || depth > deepest_extends) return YAML::Node{YAML::NodeType::Undefined};
  auto base_name = text(extends);
  auto base_file = file;
  if (extends.IsMap()) {
    base_name = text(member(extends, "service"));
    if (const auto other = text(member(extends, "file")); !other.empty()) {
      base_file = (std::filesystem::path{file}.parent_path() / other).string();
    }
  }
  const auto base_root = base_file == file ? root : load(base_file);
  const auto base = member(member(base_root, "services"), base_name);
  if (!base) return YAML::Node{YAML::NodeType::Undefined};
  return inherited(base_file, base_root, base, key, depth + 1);
}

bool is_pulled(const std::string& pull_policy) {
  return pull_policy != "never" && pull_policy != "missing" && pull_policy != "if_not_present";
}

bool has_profile(const YAML::Node& service) {
  const auto profiles = member(service, "profiles");
  return profiles && profiles.IsSequence() && profiles.size() > 0;
}

}  // namespace

RebuildNeeds rebuild_needs(const std::string& file, const std::string& compose_service) {
  RebuildNeeds needs;
  try {
    const auto root = load(file);
    const auto services = member(root, "services");
    if (!services || !services.IsMap()) return needs;
    for (const auto& entry : services) {
      const auto name = text(entry.first);
      const YAML::Node& service = entry.second;
      if (name.empty() || name == "<<" || !service.IsMap()) continue;
      if (compose_service.empty() ? has_profile(service) : name != compose_service) continue;
      if (inherited(file, root, service, "build")) {
        needs.build.push_back(name);
      } else if (is_pulled(text(inherited(file, root, service, "pull_policy")))) {
        needs.pull.push_back(name);
      }
    }
  } catch (const YAML::Exception&) {
    // Not what compose accepts either; its own words are better.
    return {};
  }
  return needs;
}

}  // namespace portoser::agent::actions
