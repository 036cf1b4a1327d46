#include "agent/actions/compose.h"
#include "agent/actions/compose_file.h"
#include "agent/actions/deploy_steps.h"
#include "agent/deployments/kept_deployments.h"
#include "common/error.h"
#include "common/ids.h"

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

void check_probe(const protocol::HealthProbe& probe) {
  if (probe.type.empty()) return;
  if (probe.type != "http" && probe.type != "tcp") {
    throw wrong(fmt::format("this host knows no probe of the type \"{}\"", probe.type),
                "probe.type");
  }
  if (probe.port < 1 || probe.port > 65'535) {
    throw wrong(fmt::format("there is no port {}", probe.port), "probe.port");
  }
}

void check_deploy(const protocol::ComposeDeploy& command) {
  constexpr std::array<std::string_view, 6> actions{
      "up", "restart", "rebuild", "restore", "write", "activate"};
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
  if (command.action == "activate") {
    if (command.replaces_text) throw wrong("what is moved here has its text", "replaces_text");
    if (command.lease.boot_id.empty() || command.lease.ends_at_ns <= 0) {
      throw wrong("nothing that was moved here is started without a lease", "lease");
    }
    check_probe(command.probe);
  }
  if (command.replaces_text && command.text.size() > protocol::ComposeDeploy::text_limit) {
    throw Error{Code::too_large,
                fmt::format("the compose file's new text has {} bytes; {} are the most",
                            command.text.size(),
                            protocol::ComposeDeploy::text_limit),
                "text"};
  }
}

}  // namespace

void Compose::require_program() const {
  if (::access(settings_.deployment_program.c_str(), X_OK) == 0) return;
  throw Error{Code::unavailable, "the program " + settings_.deployment_program + " is not there"}
      .hint("the agent's installation is not whole: install it again");
}

void Compose::check_lease(const protocol::Lease& lease) const {
  const bool is_other_boot = lease.boot_id != settings_.boot_id;
  const auto now = clock_.uptime().count();
  if (!is_other_boot && now <= lease.begin_by_ns && now < lease.ends_at_ns) return;
  throw Error{Code::deadline,
              is_other_boot
                  ? "this host was started again since it was to start the service; it was not run"
                  : "the host got to the start of the service when it was too late for it; it was "
                    "not run"}
      .reason("LEASE_OVER")
      .hint("move the service again");
}

asio::awaitable<runner::Spec> Compose::plan_deploy(protocol::ComposeDeploy command,
                                                   std::string id) {
  check_deploy(command);
  const bool is_activation = command.action == "activate";
  if (is_activation) check_lease(command.lease);
  const auto call = co_await locate(command.target);
  const auto tool = co_await finder_.find();
  require_program();
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
  // To look at the tool may have taken its time.
  if (is_activation) check_lease(request.command.lease);
  co_return steps;
}

asio::awaitable<runner::Spec> Compose::plan_confirm(protocol::ComposeConfirm command,
                                                    std::string id) {
  if (!is_ulid(command.activation)) {
    throw wrong(fmt::format("\"{}\" is no id of a command", command.activation), "activation");
  }
  require_program();
  ConfirmRequest request;
  request.command = std::move(command);
  request.id = std::move(id);
  request.journal = (settings_.data_folder / "journal").string();
  request.program = settings_.deployment_program;
  request.data = settings_.data_folder.string();
  co_return confirm_spec(request);
}

asio::awaitable<void> Compose::finish_confirm(protocol::ComposeConfirm) {
  co_return;
}

asio::awaitable<void> Compose::finish_deploy(protocol::ComposeDeploy command) {
  // Only the file is another: what was stopped stays so, after a reboot too. And of what was moved
  // here no stop of ours took anything; its own steps gave back what they took.
  if (command.action == "write" || command.action == "activate") co_return;
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
