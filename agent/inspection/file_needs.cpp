#include "agent/inspection/file_needs.h"

#include "agent/actions/service_file.h"
#include "agent/deployments/compose_yaml.h"
#include "agent/engine/compose_labels.h"
#include "common/error.h"

#include <fmt/format.h>

namespace portoser::agent::inspection {
namespace {

namespace yaml = deployments;

std::vector<std::string> depends_on(const std::string& file, const std::string& compose_service) {
  if (compose_service.empty()) return {};
  const auto root = yaml::load_compose(file);
  if (!root.IsMap()) {
    throw Error{Code::invalid, fmt::format("{} cannot be read, or is not YAML", file)};
  }
  bool is_there = false;
  std::vector<std::string> names;
  yaml::each_service(root, [&](const std::string& name, const YAML::Node& service) {
    if (name != compose_service) return;
    is_there = true;
    names = yaml::names_in(yaml::member(service, "depends_on"));
  });
  if (!is_there) {
    throw Error{Code::invalid, fmt::format("{} has no service \"{}\"", file, compose_service)};
  }
  return names;
}

std::vector<std::string> names_for(const protocol::AssignedService& service,
                                   const std::string& file) {
  if (file.empty()) {
    throw Error{
        Code::not_found,
        fmt::format("none of its files is on this host: {}", fmt::join(service.files, ", "))};
  }
  return service.kind == "docker" ? depends_on(file, service.compose_service)
                                  : actions::dependencies_in_service_file(file);
}

}  // namespace

protocol::NeedsReport needs_in_files(const protocol::InspectNeeds& asked) {
  protocol::NeedsReport report;
  for (const auto& service : asked.services) {
    auto& found = report.services.emplace_back();
    found.service = service.name;
    found.file =
        engine::identify_compose(service.files, service.project, service.compose_service).file;
    try {
      found.names = names_for(service, found.file);
    } catch (const Error& error) {
      found.problem = error.message();
    } catch (const YAML::Exception& error) {
      found.problem = fmt::format("{}: {}", found.file, error.what());
    }
  }
  return report;
}

}  // namespace portoser::agent::inspection
