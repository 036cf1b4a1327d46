#include "agent/inspection/file_needs.h"

#include "agent/actions/service_file.h"
#include "agent/deployments/compose_yaml.h"
#include "agent/engine/compose_labels.h"
#include "common/error.h"

#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <set>

namespace portoser::agent::inspection {
namespace {

namespace yaml = deployments;

/// Of all names together: the answer has to fit into a message.
constexpr std::size_t most_bytes = std::size_t{512} << 10U;

using Needs = std::vector<protocol::NeedInFile>;

std::string type_in_compose(const YAML::Node& said) {
  if (!said.IsMap()) return "required";
  if (yaml::text_of(yaml::member(said, "required")) == "false") return "optional";
  return yaml::text_of(yaml::member(said, "condition")) == "service_completed_successfully"
             ? "completed"
             : "required";
}

/// Services share files, so each is read once.
class Reader {
 public:
  Needs read(const protocol::AssignedService& service, const std::string& file) {
    if (file.empty()) {
      throw Error{
          Code::not_found,
          fmt::format("none of its files is on this host: {}", fmt::join(service.files, ", "))};
    }
    auto needs = service.kind == "docker" ? depends_on(file, service.compose_service)
                                          : in_service_file(file);
    check(needs, file);
    return needs;
  }

 private:
  Needs depends_on(const std::string& file, const std::string& compose_service) {
    if (compose_service.empty()) return {};
    auto found = roots_.find(file);
    if (found == roots_.end()) found = roots_.emplace(file, yaml::load_compose(file)).first;
    const auto& root = found->second;
    if (!root.IsMap()) {
      throw Error{Code::invalid, fmt::format("{} cannot be read, or is not YAML", file)};
    }
    const auto services = yaml::member(root, "services");
    const auto service =
        services ? yaml::member(services, compose_service) : YAML::Node{YAML::NodeType::Undefined};
    if (!service || !service.IsMap()) {
      throw Error{Code::invalid, fmt::format("{} has no service \"{}\"", file, compose_service)};
    }
    Needs needs;
    const auto is_readable = yaml::each_name(yaml::member(service, "depends_on"),
                                             [&](const std::string& name, const YAML::Node& said) {
                                               needs.push_back({name, type_in_compose(said)});
                                             });
    if (!is_readable) {
      throw Error{Code::invalid,
                  fmt::format("{}: depends_on of \"{}\" is neither a list of names nor a map",
                              file,
                              compose_service)};
    }
    return needs;
  }

  static Needs in_service_file(const std::string& file) {
    Needs needs;
    for (auto& one : actions::dependencies_in_service_file(file)) {
      needs.push_back({std::move(one.name), one.is_optional ? "optional" : "required"});
    }
    return needs;
  }

  void check(Needs& needs, const std::string& file) {
    std::set<std::string> seen;
    std::erase_if(needs, [&](const auto& need) { return !seen.insert(need.name).second; });
    for (const auto& name : seen) {
      bytes_ += name.size();
      if (!name.empty() && name.size() <= protocol::longest_need) continue;
      throw Error{Code::invalid,
                  fmt::format("{}: a name among its dependencies has {} bytes", file, name.size())};
    }
    if (needs.size() > protocol::most_needs || bytes_ > most_bytes) {
      throw Error{Code::too_large, fmt::format("{} names too many dependencies", file)};
    }
  }

  std::map<std::string, YAML::Node> roots_;
  std::size_t bytes_ = 0;
};

/// Several services may come to one file by different names.
std::string real_path(const std::string& file) {
  std::error_code failure;
  const auto real = std::filesystem::canonical(file, failure);
  return failure ? file : real.string();
}

}  // namespace

protocol::NeedsReport needs_in_files(const protocol::InspectNeeds& asked) {
  protocol::NeedsReport report;
  Reader reader;
  for (const auto& service : asked.services) {
    auto& found = report.services.emplace_back();
    found.service = service.name;
    const auto file =
        engine::identify_compose(service.files, service.project, service.compose_service).file;
    if (!file.empty()) found.file = real_path(file);
    try {
      found.needs = reader.read(service, found.file);
    } catch (const Error& error) {
      found.problem = error.message();
    } catch (const YAML::Exception& error) {
      found.problem = fmt::format("{}: {}", found.file, error.what());
    }
  }
  return report;
}

}  // namespace portoser::agent::inspection
