/// A compose file as the compose tool itself understands it: the output of `config`, of 1.29 and of
/// v2. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::agent::inspection {

struct PublishedPort {
  std::string address;  ///< empty: all
  int port = 0;
  std::string protocol = "tcp";
};

struct BindMount {
  std::string source;
  bool creates_source = true;  ///< the engine makes an empty folder of a path that is not there
  std::string target{};        ///< in the container
  bool is_read_only = false;
};

struct ModelService {
  std::string name;
  std::string image;         ///< empty: compose names what it builds
  bool has_profile = false;  ///< started only by who asks for it
  bool has_build = false;
  std::string build_folder;  ///< empty: none, or no local path
  std::string pull_policy;
  std::string platform;             ///< "linux/arm64"; empty: the host's
  bool is_on_host_network = false;  ///< its ports are whatever its programs listen on
  std::vector<PublishedPort> ports;
  std::vector<BindMount> binds;
  std::optional<std::int64_t> memory_limit_bytes;
};

struct ComposeModel {
  std::string project;  ///< empty: the output does not say
  std::vector<ModelService> services;
  std::vector<std::string> external_networks;  ///< as the engine names them
  std::vector<std::string> external_volumes;
  std::vector<std::string> volumes;  ///< named ones of its own, as the engine names them
  std::vector<std::string> files;    ///< absolute, of its secrets and configs
};

/// `project`: what the names of its volumes begin with. Not YAML, or without services:
/// `Error{invalid}`.
ComposeModel compose_model(std::string_view config, const std::string& project);

/// Those that an action is about: the one that is named, else all that `up` starts.
std::vector<ModelService> services_meant(const ComposeModel& model,
                                         const std::string& compose_service);

/// "512m", "1.5gb", "1073741824"; nullopt: none of these.
std::optional<std::int64_t> bytes_from(std::string_view text);

}  // namespace portoser::agent::inspection
