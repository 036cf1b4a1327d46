#include "agent/deployments/compose_text.h"

#include "agent/deployments/compose_yaml.h"

#include <algorithm>
#include <map>

namespace portoser::agent::deployments {
namespace {

std::vector<std::string> env_names(const YAML::Node& node) {
  std::vector<std::string> names;
  const auto add = [&](const YAML::Node& one) {
    // v2 takes a map with `path` too.
    auto name = one.IsMap() ? text_of(member(one, "path")) : text_of(one);
    if (!name.empty()) names.push_back(std::move(name));
  };
  if (!node) return names;
  if (node.IsSequence()) {
    for (const auto& one : node) add(one);
  } else {
    add(node);
  }
  return names;
}

std::string written(const YAML::Node& node) {
  if (!node) return {};
  YAML::Emitter out;
  out << YAML::Flow << node;
  return out.c_str();
}

/// By service: what decides which image it has.
std::map<std::string, std::string> image_words(const std::string& text,
                                               const std::filesystem::path& file) {
  std::map<std::string, std::string> words;
  const auto root = parse_compose(text);
  each_service(root, [&](const std::string& name, const YAML::Node& service) {
    words[name] = written(inherited(file.string(), root, service, "image")) + "\n" +
                  written(inherited(file.string(), root, service, "build"));
  });
  return words;
}

}  // namespace

NamedEnvFiles env_files_of(const std::string& text, const std::filesystem::path& file) try {
  NamedEnvFiles found;
  const auto folder = file.parent_path();
  found.paths.push_back((folder / ".env").string());
  const auto root = parse_compose(text);
  each_service(root, [&](const std::string&, const YAML::Node& service) {
    for (const auto& name : env_names(inherited(file.string(), root, service, "env_file"))) {
      const bool has_variable = name.find('$') != std::string::npos;
      auto& list = has_variable ? found.unreadable : found.paths;
      auto path = has_variable ? name : (folder / name).lexically_normal().string();
      if (std::find(list.begin(), list.end(), path) == list.end()) list.push_back(std::move(path));
    }
  });
  return found;
} catch (const YAML::Exception&) {
  return {{(file.parent_path() / ".env").string()}, {}};
}

NamedServices services_of(const std::string& text) try {
  NamedServices names;
  each_service(parse_compose(text), [&](const std::string& name, const YAML::Node& service) {
    names.all.insert(name);
    if (!has_profile(service)) names.started.insert(name);
  });
  return names;
} catch (const YAML::Exception&) {
  return {};
}

std::set<std::string> services_with_other_images(const std::string& before,
                                                 const std::string& text,
                                                 const std::filesystem::path& file) try {
  std::set<std::string> others;
  const auto old_words = image_words(before, file);
  for (const auto& [name, words] : image_words(text, file)) {
    const auto old = old_words.find(name);
    if (old == old_words.end() || old->second != words) others.insert(name);
  }
  return others;
} catch (const YAML::Exception&) {
  return {};
}

std::optional<std::vector<ResolvedService>> plain_services(const std::string& text,
                                                           const std::filesystem::path& file) try {
  std::vector<ResolvedService> services;
  bool has_variables = false;
  const auto root = parse_compose(text);
  each_service(root, [&](const std::string& name, const YAML::Node& service) {
    if (has_profile(service)) return;
    auto image = text_of(inherited(file.string(), root, service, "image"));
    has_variables = has_variables || image.find('$') != std::string::npos;
    const auto build = inherited(file.string(), root, service, "build");
    services.push_back({name, std::move(image), static_cast<bool>(build)});
  });
  if (has_variables) return std::nullopt;
  return services;
} catch (const YAML::Exception&) {
  return std::nullopt;
}

std::vector<ResolvedService> resolved_services(const std::string& config) try {
  std::vector<ResolvedService> services;
  each_service(parse_compose(config), [&](const std::string& name, const YAML::Node& service) {
    if (has_profile(service)) return;
    services.push_back(
        {name, text_of(member(service, "image")), static_cast<bool>(member(service, "build"))});
  });
  return services;
} catch (const YAML::Exception&) {
  return {};
}

}  // namespace portoser::agent::deployments
