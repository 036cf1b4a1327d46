/// What the agent tells the program `portoser-deployment` about one command: `parameters.json` in
/// the command's folder of the journal. Its command line names no more than that folder.
#pragma once

#include "common/describe.h"
#include "protocol/commands.h"

#include <cstdint>
#include <string>
#include <vector>

namespace portoser::agent::deployments {

struct Parameters {
  std::string command;  ///< its id
  std::string data;     ///< the agent's folder
  std::string engine_socket;
  std::vector<std::string> tool;  ///< compose with what stands before `-f`
  bool is_v2 = false;
  std::string service;  ///< its name in the registry
  std::string file;     ///< the compose file, absolute
  std::string project;
  std::string compose_service;  ///< empty: the whole project
  std::string action;           ///< as in protocol::ComposeDeploy, or "confirm"
  std::string deployment;
  std::string restore;
  bool replaces_text = false;
  std::string text;  ///< base64url: it may be no UTF-8
  std::string revision;
  std::int64_t health_ms = 0;
  std::int64_t settle_ms = 0;
  bool settles_only = false;
  std::string folder;                 ///< the command's, in the journal
  std::string lease_boot_id;          ///< of an activation
  std::int64_t lease_ends_at_ns = 0;  ///< CLOCK_BOOTTIME
  std::string activation;             ///< of `compose.confirm`: the folder of what it confirms
  protocol::HealthProbe probe;        ///< of an activation
};
BOOST_DESCRIBE_STRUCT(Parameters,
                      (),
                      (command,
                       data,
                       engine_socket,
                       tool,
                       is_v2,
                       service,
                       file,
                       project,
                       compose_service,
                       action,
                       deployment,
                       restore,
                       replaces_text,
                       text,
                       revision,
                       health_ms,
                       settle_ms,
                       settles_only,
                       folder,
                       lease_boot_id,
                       lease_ends_at_ns,
                       activation,
                       probe))

/// Where the text of a command lies while it is checked and built from: beside the file, since
/// compose takes names in it as relative to it.
inline std::string candidate_of(const std::string& file, const std::string& command) {
  const auto name = file.rfind('/') + 1;
  return file.substr(0, name) + "." + file.substr(name) + ".portoser-" + command;
}

}  // namespace portoser::agent::deployments
