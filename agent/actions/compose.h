/// What the compose commands do, before and after the tool itself. Lives on the agent's Asio
/// thread.
#pragma once

#include "agent/actions/catalogue.h"
#include "agent/actions/compose_arguments.h"
#include "agent/actions/compose_tool.h"
#include "agent/actions/engine_control.h"
#include "agent/actions/restart_policies.h"
#include "agent/engine/compose_labels.h"
#include "common/clock.h"
#include "common/tasks.h"
#include "protocol/commands.h"

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace portoser::agent::actions {

struct ComposeSettings {
  std::string engine_socket;      ///< path of the unix socket
  std::vector<std::string> tool;  ///< empty: the one that is found
  /// How long a container must have been up, by the engine's own time of its start, for the start
  /// to count. One whose health check is healthy needs no time. See docs/decisions/0011.
  std::chrono::milliseconds settle{1000};
  std::string deployment_program;     ///< path of portoser-deployment
  std::filesystem::path data_folder;  ///< the agent's: journal and kept deployments
  std::string boot_id;                ///< of this machine's present boot
};

class Compose {
 public:
  /// Everything but the settings must outlive it.
  Compose(ComposeSettings settings,
          const Clock& clock,
          EngineControl& engine,
          RestartPolicies& policies,
          asio::thread_pool& pool);

  void add_to(Catalogue& catalogue);

  /// The plans change nothing. No candidate is there: `Error{not_found, COMPOSE_FILE_MISSING}`; no
  /// tool: `Error{unavailable, COMPOSE_MISSING}`.
  asio::awaitable<runner::Spec> plan_up(protocol::ComposeUp command);
  asio::awaitable<runner::Spec> plan_stop(protocol::ComposeStop command);
  asio::awaitable<runner::Spec> plan_restart(protocol::ComposeRestart command);
  asio::awaitable<runner::Spec> plan_rebuild(protocol::ComposeRebuild command);
  asio::awaitable<runner::Spec> plan_down(protocol::ComposeDown command);
  /// Its arguments make no sense: `Error{invalid}`; its lease is of another boot, or it came too
  /// late to begin under it: `Error{deadline, LEASE_OVER}`. `id`: the command's.
  asio::awaitable<runner::Spec> plan_deploy(protocol::ComposeDeploy command, std::string id);
  asio::awaitable<runner::Spec> plan_confirm(protocol::ComposeConfirm command, std::string id);

  /// Gives the restart policies back and looks whether the containers stay up: one that ends at
  /// once is an `ActionError{CONTAINER_EXITED}`.
  asio::awaitable<void> finish_up(protocol::ComposeUp command);
  asio::awaitable<void> finish_restart(protocol::ComposeRestart command);
  asio::awaitable<void> finish_rebuild(protocol::ComposeRebuild command);
  /// Takes the restart policies away.
  asio::awaitable<void> finish_stop(protocol::ComposeStop command);
  asio::awaitable<void> finish_down(protocol::ComposeDown command);
  /// Gives the restart policies back; that the containers are well is known already.
  asio::awaitable<void> finish_deploy(protocol::ComposeDeploy command);
  asio::awaitable<void> finish_confirm(protocol::ComposeConfirm command);  ///< nothing
  /// Restart policies are as they were: of what runs again, and of what did not run before.
  asio::awaitable<void> after_undo(protocol::ComposeDeploy command);

  Error explain(const StepFailure& failure);

  [[nodiscard]] ComposeFinder& finder() { return finder_; }

 private:
  void require_program() const;
  void check_lease(const protocol::Lease& lease) const;
  asio::awaitable<ComposeCall> locate(protocol::ComposeTarget target);
  [[nodiscard]] runner::Spec spec_of(const protocol::ComposeTarget& target,
                                     const ComposeCall& call,
                                     std::vector<runner::Step> steps) const;
  asio::awaitable<std::vector<engine::Container>> containers_of(protocol::ComposeTarget target);
  asio::awaitable<void> after_start(protocol::ComposeTarget target);

  ComposeSettings settings_;
  const Clock& clock_;
  EngineControl& engine_;
  RestartPolicies& policies_;
  asio::thread_pool& pool_;
  ComposeFinder finder_;
};

}  // namespace portoser::agent::actions
