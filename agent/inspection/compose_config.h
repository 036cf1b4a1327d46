/// What compose itself makes of a compose file. In portoser-inspect only.
#pragma once

#include "agent/actions/compose_tool.h"
#include "agent/inspection/findings.h"
#include "common/tasks.h"
#include "protocol/commands.h"

#include <optional>
#include <string>

namespace portoser::agent::inspection {

struct ConfigCall {
  std::string service;  ///< as the registry names it
  std::string file;
  std::string folder;       ///< what relative paths of the file mean
  std::string project;      ///< empty: compose's own choice
  bool is_restore = false;  ///< of a kept file: it may need an environment that is not there now
};

/// What `config` prints; none, with a finding: the file is not valid, or there is no compose.
asio::awaitable<std::optional<std::string>> checked_config(ConfigCall call,
                                                           actions::ComposeFinder finder,
                                                           Findings& findings);

/// None of the places where a target's file may be has it.
void add_file_missing(const protocol::ComposeTarget& target, Findings& findings);

/// The file lacks the service that the registry names.
void add_service_missing(const std::string& compose_service, Findings& findings);

}  // namespace portoser::agent::inspection
