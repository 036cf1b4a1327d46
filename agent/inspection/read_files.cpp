#include "agent/inspection/read_files.h"

#include "agent/deployments/compose_yaml.h"
#include "agent/inspection/environment_keys.h"

#include <algorithm>

namespace portoser::agent::inspection {
namespace {

/// A list may name itself by an anchor.
constexpr int deepest_include = 4;

/// One path, a list of them, or a map with them under `path`.
void add_included(const YAML::Node& node, std::vector<std::string>& names, int depth = 0) {
  if (!node || depth > deepest_include) return;
  if (node.IsScalar()) {
    names.push_back(node.Scalar());
  } else if (node.IsSequence()) {
    for (const auto& one : node) add_included(one, names, depth + 1);
  } else if (node.IsMap()) {
    add_included(node["path"], names, depth + 1);
    add_included(node["env_file"], names, depth + 1);
  }
}

}  // namespace

std::vector<std::string> files_read_by_compose(const std::filesystem::path& compose_file,
                                               std::string_view compose_text,
                                               const std::string& compose_service) {
  auto names = environment_files(compose_text, compose_service);
  const auto root = deployments::parse_compose(std::string{compose_text});
  add_included(deployments::member(root, "include"), names);
  deployments::each_service(root, [&](const std::string&, const YAML::Node& service) {
    const auto extended = deployments::member(service, "extends");
    if (!extended || !extended.IsMap()) return;
    if (auto file = deployments::text_of(extended["file"]); !file.empty()) {
      names.push_back(std::move(file));
    }
  });
  std::vector<std::string> files{compose_file.string()};
  for (const auto& name : names) {
    if (name.empty() || name.front() == '~' || name.find('$') != std::string::npos) continue;
    auto path = (compose_file.parent_path() / name).lexically_normal().string();
    if (std::find(files.begin(), files.end(), path) == files.end()) {
      files.push_back(std::move(path));
    }
  }
  return files;
}

}  // namespace portoser::agent::inspection
