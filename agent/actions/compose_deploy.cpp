#include "agent/actions/compose.h"
#include "agent/actions/compose_file.h"
#include "agent/actions/deploy_steps.h"
#include "agent/deployments/kept_deployments.h"
#include "common/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace portoser::agent::actions {
namespace {

Error wrong(const std::string& what, const std::string& where) {
  return Error{Code::invalid, what, where};
}

void check_deploy(const protocol::ComposeDeploy& command) {
  constexpr std::array<std::string_view, 5> actions{"up", "restart", "rebuild", "restore", "write"};
  if (std::find(actions.begin(), actions.end(), command.action) == actions.end()) {
    throw wrong(fmt::format("compose.deploy has no action \"{}\"", command.action), "action");
  }
  if (!command.deployment.empty() && !deployments::is_deployment_id(command.deployment)) {
    throw wrong(fmt::format("\"{}\" is no id of a deployment", command.deployment), "deployment");
  }
  if (command.health_ms < 0) throw wrong("health_ms is negative", "health_ms");
  const bool is_restore = command.action == "restore";
  if (is_restore && command.replaces_text) {
    throw wrong("a kept deployment has its own text", "replaces_text");
  }
  if (command.action == "write" && !command.replaces_text) {
    throw wrong("there is nothing to write", "replaces_text");
  }
  if (is_restore && command.restore.empty()) throw wrong("which deployment?", "restore");
  if (command.replaces_text && command.text.size() > protocol::ComposeDeploy::text_limit) {
    throw Error{Code::too_large,
                fmt::format("the compose file's new text has {} bytes; {} are the most",
                            command.text.size(),
                            protocol::ComposeDeploy::text_limit),
                "text"};
  }
}

}  // namespace

asio::awaitable<runner::Spec> Compose::plan_deploy(protocol::ComposeDeploy command,
                                                   std::string id) {
  check_deploy(command);
  const auto call = co_await locate(command.target);
  const auto tool = co_await finder_.find();
  if (::access(settings_.deployment_program.c_str(), X_OK) != 0) {
    throw Error{Code::unavailable, "the program " + settings_.deployment_program + " is not there"}
        .hint("the agent's installation is not whole: install it again");
  }
  DeployRequest request;
  request.id = id;
  request.folder = (settings_.data_folder / "journal" / id).string();
  request.program = settings_.deployment_program;
  request.data = settings_.data_folder.string();
  request.engine_socket = settings_.engine_socket;
  request.settle = settings_.settle;
  if (command.action == "rebuild") {
    auto read = [command, file = call.file, service = call.compose_service] {
      return command.replaces_text ? rebuild_needs_of_text(command.text, file, service)
                                   : rebuild_needs(file, service);
    };
    request.needs = co_await on_pool(pool_, std::move(read));
  }
  request.command = std::move(command);
  auto steps = deploy_spec(tool, call, request);
  auto spec = spec_of(request.command.target, call, std::move(steps.steps));
  steps.steps = std::move(spec.steps);
  steps.locks = std::move(spec.locks);
  steps.environment = std::move(spec.environment);
  steps.unset = std::move(spec.unset);
  co_return steps;
}

asio::awaitable<void> Compose::finish_deploy(protocol::ComposeDeploy command) {
  // Only the file is another: what was stopped stays so, after a reboot too.
  if (command.action == "write") co_return;
  auto containers = co_await containers_of(std::move(command.target));
  co_await policies_.give_back(std::move(containers));
}

asio::awaitable<void> Compose::after_undo(protocol::ComposeDeploy command) {
  if (command.action == "write") co_return;
  auto containers = co_await containers_of(std::move(command.target));
  const bool is_up = std::any_of(containers.begin(), containers.end(), [](const auto& container) {
    return container.is_up();
  });
  if (!is_up) {
    // It was stopped before, and a reboot must not start it.
    co_await policies_.take_away(std::move(containers));
    co_return;
  }
  std::erase_if(containers, [](const auto& container) { return container.state == "exited"; });
  co_await policies_.give_back(std::move(containers));
}

}  // namespace portoser::agent::actions
