/// Reading compose files with yaml-cpp, which resolves no merge keys: what the sources of this room
/// and of agent/actions have in common. For sources only. Blocking where it says `load`; any
/// thread.
#pragma once

#include <functional>
#include <string>
#include <yaml-cpp/yaml.h>

namespace portoser::agent::deployments {

/// Not there, or no YAML: null.
YAML::Node load_compose(const std::string& file);
/// No YAML: null.
YAML::Node parse_compose(const std::string& text);

/// The member, also by a merge key. Undefined: there is none, or none among the first thousand maps
/// that the merge keys lead to.
YAML::Node member(const YAML::Node& map, const std::string& key);

/// Of a scalar; anything else: empty.
std::string text_of(const YAML::Node& node);

/// `value`: what a map says of the name; of a list nothing.
using OnName = std::function<void(const std::string& name, const YAML::Node& value)>;
/// The names that a list has, or a map as its keys, with those of its merge keys. Nothing there, or
/// null: none. Another shape: false.
bool each_name(const YAML::Node& node, const OnName& on_name);

/// A member of a service, its own or that of the one it extends. `file` is where `root` lies.
YAML::Node inherited(const std::string& file,
                     const YAML::Node& root,
                     const YAML::Node& service,
                     const std::string& key,
                     int depth = 0);

bool has_profile(const YAML::Node& service);

/// Calls `on_service(name, node)` for each.
template <class OnService>
void each_service(const YAML::Node& root, const OnService& on_service) {
  const auto services = member(root, "services");
  if (!services || !services.IsMap()) return;
  for (const auto& entry : services) {
    const auto name = text_of(entry.first);
    const YAML::Node& service = entry.second;
    if (!name.empty() && name != "<<" && service.IsMap()) on_service(name, service);
  }
}

}  // namespace portoser::agent::deployments
