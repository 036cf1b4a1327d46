/// The steps of `compose.deploy` and of its undo. Pure.
#pragma once

#include "agent/actions/compose_arguments.h"
#include "protocol/commands.h"

#include <chrono>
#include <string>

namespace portoser::agent::actions {

struct DeployRequest {
  protocol::ComposeDeploy command;
  std::string id;       ///< the command's
  std::string folder;   ///< its own, in the journal
  std::string program;  ///< path of portoser-deployment
  std::string data;     ///< the agent's folder
  std::string engine_socket;
  std::chrono::milliseconds settle{};
  RebuildNeeds needs;  ///< of a rebuild
};

/// Fills in everything but locks and environment.
runner::Spec deploy_spec(const ComposeTool& tool,
                         const ComposeCall& call,
                         const DeployRequest& request);

}  // namespace portoser::agent::actions
