#include "agent/actions/service_file.h"

#include "agent/deployments/compose_yaml.h"
#include "common/error.h"
#include "common/file.h"

#include <fmt/format.h>

#include <filesystem>
#include <yaml-cpp/yaml.h>

namespace portoser::agent::actions {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t largest_file = 1U << 20U;

Error invalid_file(const std::string& path, const std::string& what) {
  return Error{Code::invalid, fmt::format("{}: {}", path, what), path}
      .reason("SERVICE_FILE_INVALID")
      .hint("nothing was started or stopped; mend the file and try again");
}

std::string find_file(const std::string& service, const std::vector<std::string>& candidates) {
  if (candidates.empty()) {
    throw Error{Code::invalid, service + " has neither a unit nor a service.yml", "target.files"}
        .reason("SERVICE_MISCONFIGURED")
        .hint("name its unit or its service_file in registry.yml");
  }
  std::error_code failure;
  for (const auto& candidate : candidates) {
    if (fs::is_regular_file(candidate, failure)) {
      return fs::path{candidate}.lexically_normal().string();
    }
  }
  throw Error{Code::not_found,
              fmt::format("{} has no service.yml on this host; looked for {}",
                          service,
                          fmt::join(candidates, ", "))}
      .reason("SERVICE_FILE_MISSING")
      .hint("copy the service's folder to this host, or correct the path in the registry");
}

/// The line of a key; empty: it is not there.
std::string line_of(const YAML::Node& root, const std::string& key, const std::string& path) {
  const auto node = root[key];
  if (!node || node.IsNull()) return {};
  if (!node.IsScalar()) throw invalid_file(path, fmt::format("\"{}\" must be a single text", key));
  if (node.Scalar().find('\0') != std::string::npos) {
    throw invalid_file(path, fmt::format("\"{}\" has a zero byte", key));
  }
  return node.Scalar();
}

std::string below(const std::string& folder, const std::string& path) {
  if (path.empty()) return folder;
  return (fs::path{folder} / path).lexically_normal().string();
}

/// Calls `read(root)`.
template <class Read>
auto read_yaml(const std::string& path, Read read) {
  try {
    const YAML::Node root = YAML::Load(read_file(path, largest_file));
    if (!root.IsMap()) throw invalid_file(path, "it must be a map such as \"start: ./run.sh\"");
    return read(root);
  } catch (const YAML::Exception& error) {
    throw invalid_file(
        path, fmt::format("line {} is not valid YAML: {}", error.mark.line + 1, error.msg));
  }
}

}  // namespace

ServiceFile read_service_file(const std::string& service,
                              const std::vector<std::string>& candidates,
                              const std::string& working_dir) {
  const auto path = find_file(service, candidates);
  auto file = read_yaml(path, [&](const YAML::Node& root) {
    ServiceFile read;
    read.path = path;
    read.start = line_of(root, "start", path);
    read.stop = line_of(root, "stop", path);
    read.restart = line_of(root, "restart", path);
    read.working_dir = line_of(root, "working_dir", path);
    read.env_file = line_of(root, "env_file", path);
    return read;
  });
  if (file.start.empty()) throw invalid_file(path, "it has no \"start\"");
  const auto own_folder = fs::path{path}.parent_path().string();
  if (!working_dir.empty()) file.working_dir = working_dir;
  file.working_dir = below(own_folder, file.working_dir);
  std::error_code failure;
  if (!fs::is_directory(file.working_dir, failure)) {
    throw invalid_file(path, fmt::format("there is no folder {}", file.working_dir));
  }
  if (file.env_file.empty()) return file;
  file.env_file = below(file.working_dir, file.env_file);
  if (!fs::is_regular_file(file.env_file, failure)) {
    throw invalid_file(path, fmt::format("there is no env_file {}", file.env_file));
  }
  return file;
}

std::vector<NamedDependency> dependencies_in_service_file(const std::string& path) {
  namespace yaml = deployments;
  return read_yaml(path, [&](const YAML::Node& root) {
    std::vector<NamedDependency> all;
    const auto is_readable = yaml::each_name(
        yaml::member(root, "dependencies"), [&](const auto& name, const auto& value) {
          const auto is_optional =
              value.IsMap() && yaml::text_of(yaml::member(value, "type")) == "optional";
          all.push_back({name, is_optional});
        });
    if (!is_readable) {
      throw invalid_file(path, "\"dependencies\" must be a list of names, or a map of them");
    }
    return all;
  });
}

}  // namespace portoser::agent::actions
