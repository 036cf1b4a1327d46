#include "agent/identity/settings.h"

namespace portoser::agent::identity {

LoadedAgentSettings load_agent_settings(std::string_view usage,
                                        const std::vector<std::string>& arguments) {
  LoadedAgentSettings loaded;
  auto& values = loaded.values;
  SettingTable table;
  table
      .add(values.name,
           {.key = "name",
            .env = "PORTOSER_AGENT_NAME",
            .help = "name of this host in registry.yml; empty: its host name"})
      .add(values.data,
           {.key = "data",
            .env = "PORTOSER_AGENT_DATA",
            .help = "folder for the key, the identity, the spool and the journal"})
      .add(values.engine_socket,
           {.key = "engine.socket",
            .env = "PORTOSER_ENGINE_SOCKET",
            .help = "unix socket of the container engine"})
      .add(values.action_program,
           {.key = "action.program",
            .env = "PORTOSER_ACTION_PROGRAM",
            .help = "the program that runs actions; empty: beside the agent's own"})
      .add(values.heartbeat_ms,
           {.key = "heartbeat_ms",
            .env = "PORTOSER_HEARTBEAT_MS",
            .help = "how often the controller's connection and the engine are tested; one that is "
                    "silent for three times that is given up, and tried again at that pace",
            .check = between(100, 60'000)})
      .add(values.log_level,
           {.key = "log.level",
            .env = "LOG_LEVEL",
            .help = "debug, info, warn or error",
            .check = [](const std::string& text) { log::level_from_string(text); }})
      .add(values.log_format,
           {.key = "log.format",
            .env = "PORTOSER_LOG_FORMAT",
            .help = "text or json",
            .check = one_of({"text", "json"})});
  loaded.command_line = table.load(usage, arguments, "/etc/portoser/agent.yml");
  loaded.description = table.describe();
  return loaded;
}

}  // namespace portoser::agent::identity
