/// The variables that reach a service's containers from files: their names, never their values.
/// Blocking; any thread.
#pragma once

#include "protocol/questions.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::agent::inspection {

/// A line of an environment file. Comments and lines without a name are none.
struct EnvironmentLine {
  std::string name;
  std::string value;  ///< as written, without quotes around it
};
std::vector<EnvironmentLine> parse_environment(std::string_view text);

/// `.env`, and each `env_file` as it is written.
std::vector<std::string> environment_files(std::string_view compose_text,
                                           const std::string& compose_service);

/// Of `.env` beside the compose file and of every `env_file` that it names. Files that are not
/// there or cannot be read have none. `key`: for the fingerprints.
std::vector<protocol::EnvironmentKey> environment_keys(const std::filesystem::path& compose_file,
                                                       std::string_view compose_text,
                                                       const std::string& compose_service,
                                                       std::string_view key);

}  // namespace portoser::agent::inspection
