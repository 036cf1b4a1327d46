/// The steps of `compose.deploy` and of its undo, and those of `compose.confirm`. Pure.
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

struct ConfirmRequest {
  protocol::ComposeConfirm command;
  std::string id;       ///< the command's
  std::string journal;  ///< folder of all commands
  std::string program;  ///< path of portoser-deployment
  std::string data;     ///< the agent's folder
};

/// Whole: it locks nothing, since what it confirms holds the locks, and asks no engine.
runner::Spec confirm_spec(const ConfirmRequest& request);

}  // namespace portoser::agent::actions
