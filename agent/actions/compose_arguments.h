/// The command lines of docker-compose 1.29 and docker compose v2. Pure.
#pragma once

#include "agent/actions/runner/files.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::agent::actions {

/// The compose tool of this host.
struct ComposeTool {
  std::vector<std::string> argv;  ///< {"docker-compose"} or {"docker", "compose"}
  std::string version;            ///< "1.29.2", "2.24.5"

  [[nodiscard]] bool is_v2() const { return !version.starts_with("1."); }
};

/// What the lines are about.
struct ComposeCall {
  std::string file;             ///< absolute
  std::string project;          ///< empty: compose's own choice
  std::string compose_service;  ///< empty: the whole project
};

/// What a rebuild has to make first, by service of the file.
struct RebuildNeeds {
  std::vector<std::string> build;
  std::vector<std::string> pull;
};

/// The tool with what stands before `-f`.
std::vector<std::string> tool_words(const ComposeTool& tool);
/// One call of it.
runner::Step compose_step(const ComposeTool& tool,
                          const ComposeCall& call,
                          std::string name,
                          const std::vector<std::string>& words,
                          const std::vector<std::string>& services);

std::vector<runner::Step> up_steps(const ComposeTool& tool, const ComposeCall& call);
std::vector<runner::Step> stop_steps(const ComposeTool& tool, const ComposeCall& call);
std::vector<runner::Step> restart_steps(const ComposeTool& tool, const ComposeCall& call);
std::vector<runner::Step> rebuild_steps(const ComposeTool& tool,
                                        const ComposeCall& call,
                                        const RebuildNeeds& needs);
std::vector<runner::Step> down_steps(const ComposeTool& tool, const ComposeCall& call);

/// For every step; `engine_socket` is a path.
std::map<std::string, std::string> compose_environment(const std::string& engine_socket);
/// Variables of the agent's own that would send compose elsewhere.
std::vector<std::string> compose_unset();

}  // namespace portoser::agent::actions
