#include "agent/actions/compose_file.h"

#include "agent/deployments/compose_yaml.h"

namespace portoser::agent::actions {
namespace {

namespace yaml = deployments;

RebuildNeeds needs_in(const YAML::Node& root,
                      const std::string& file,
                      const std::string& compose_service) {
  RebuildNeeds needs;
  yaml::each_service(root, [&](const std::string& name, const YAML::Node& service) {
    if (compose_service.empty() ? yaml::has_profile(service) : name != compose_service) return;
    if (yaml::inherited(file, root, service, "build")) {
      needs.build.push_back(name);
    } else if (is_pulled(yaml::text_of(yaml::inherited(file, root, service, "pull_policy")))) {
      needs.pull.push_back(name);
    }
  });
  return needs;
}

}  // namespace

bool is_pulled(const std::string& pull_policy) {
  return pull_policy != "never" && pull_policy != "missing" && pull_policy != "if_not_present";
}

RebuildNeeds rebuild_needs(const std::string& file, const std::string& compose_service) try {
  return needs_in(yaml::load_compose(file), file, compose_service);
} catch (const YAML::Exception&) {
  // Not what compose accepts either; its own words are better.
  return {};
}

RebuildNeeds rebuild_needs_of_text(const std::string& text,
                                   const std::string& file,
                                   const std::string& compose_service) try {
  return needs_in(yaml::parse_compose(text), file, compose_service);
} catch (const YAML::Exception&) {
  return {};
}

}  // namespace portoser::agent::actions
