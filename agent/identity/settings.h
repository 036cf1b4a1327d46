/// What can be set for an agent: `agent.yml`, the environment, the command line.
#pragma once

#include "common/log.h"
#include "common/settings.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::agent::identity {

struct AgentSettings {
  std::string name;  ///< of this host in registry.yml; empty: the machine's host name
  std::filesystem::path data{"/var/lib/portoser-agent"};
  std::filesystem::path engine_socket{"/var/run/docker.sock"};
  std::filesystem::path action_program;  ///< empty: beside our own executable
  int heartbeat_ms = 5000;               ///< how often controller and engine are tested
  std::string log_level = "info";
  std::string log_format = "text";

  [[nodiscard]] log::Format format() const {
    return log_format == "json" ? log::Format::json : log::Format::text;
  }
};

struct LoadedAgentSettings {
  AgentSettings values;
  CommandLine command_line;
  std::string description;  ///< for `--check-config`
};

/// `arguments` are those after the program's name and subcommand. Reads /etc/portoser/agent.yml
/// when it is there, or the file of `--config`. `Error{invalid}` as `SettingTable::load` throws it.
LoadedAgentSettings load_agent_settings(std::string_view usage,
                                        const std::vector<std::string>& arguments);

}  // namespace portoser::agent::identity
