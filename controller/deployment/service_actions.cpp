#include "controller/deployment/service_actions.h"

#include "controller/deployment/compose_target.h"
#include "controller/deployment/deploy_command.h"
#include "controller/deployment/look_first.h"
#include "controller/deployment/native_target.h"
#include "controller/deployment/usable_service.h"
#include "protocol/codec.h"

#include <fmt/format.h>

namespace portoser::deployment {
namespace {

struct NamedArguments {
  std::string name;
  Bytes arguments;
};

template <class Command, class Target>
NamedArguments arguments_of(const Target& target) {
  Command command;
  command.target = target;
  return {std::string{Command::name}, protocol::encode_arguments(command)};
}

NamedArguments command_of(Action action, const protocol::NativeTarget& target) {
  switch (action) {
    case Action::start:
      return arguments_of<protocol::NativeStart>(target);
    case Action::stop:
      return arguments_of<protocol::NativeStop>(target);
    case Action::restart:
      return arguments_of<protocol::NativeRestart>(target);
    case Action::rebuild:
      break;
  }
  throw Error{Code::internal, "an action without a command"};
}

NamedArguments command_of(Action action, const protocol::ComposeTarget& target) {
  switch (action) {
    case Action::start:
      return arguments_of<protocol::ComposeUp>(target);
    case Action::stop:
      return arguments_of<protocol::ComposeStop>(target);
    case Action::restart:
      return arguments_of<protocol::ComposeRestart>(target);
    case Action::rebuild:
      return arguments_of<protocol::ComposeRebuild>(target);
  }
  throw Error{Code::internal, "an action without a command"};
}

bool is_docker(const registry::Service& service) {
  return service.deployment_type == registry::DeploymentType::docker;
}

/// What only a service without containers can lack.
void require_native(const registry::Registry& registry,
                    const registry::Service& service,
                    Action action) {
  if (action == Action::rebuild) {
    throw Error{Code::invalid,
                fmt::format("\"{}\" is a {} service: there is nothing to build or to pull",
                            service.name,
                            enum_name(service.deployment_type)),
                "path.service"}
        .reason("KIND_NOT_SUPPORTED")
        .hint("restart it");
  }
  if (action != Action::stop && service.unit.empty() && registry.user_of(service).empty()) {
    throw Error{Code::invalid,
                fmt::format("nobody is named who runs the commands of \"{}\" on \"{}\"",
                            service.name,
                            service.current_host.value_or("")),
                "path.service"}
        .reason("SERVICE_USER_MISSING")
        .hint("set ssh_user of that host in registry.yml; root is an answer too");
  }
}

/// The entry, when this may be done with it.
const registry::Service& usable(const registry::Registry& registry,
                                const std::string& name,
                                Action action) {
  const auto& service = require_usable(registry, name);
  if (!is_docker(service)) require_native(registry, service, action);
  return service;
}

std::string deploy_action(Action action) {
  switch (action) {
    case Action::start:
      return "up";
    case Action::restart:
      return "restart";
    default:
      return "rebuild";
  }
}

/// "notes is not restarted: …".
std::string participle_of(Action action) {
  switch (action) {
    case Action::start:
      return "started";
    case Action::restart:
      return "restarted";
    default:
      return "rebuilt";
  }
}

/// Did the host try and fail? Its codes speak of the command: "not_found" is no path of ours that
/// is missing, "invalid" no field of the request.
bool failed_on_host(const std::string& reason, Code code, bool has_reason) {
  switch (code) {
    case Code::deadline:
      return false;
    case Code::conflict:
      return reason != "BUSY" && reason != "ACTION_CANCELLED";
    case Code::unavailable:  // the agent or its engine, unless waiting would not help
      return reason == "ACTION_FAILED" || reason == "COMPOSE_MISSING" ||
             reason == "SYSTEMD_MISSING" || reason == "ACTION_INTERRUPTED" ||
             reason == "ENGINE_ERROR";
    case Code::internal:  // without a reason it is a fault of the agent
      return has_reason;
    default:
      return true;
  }
}

/// The error of a job that failed, as whoever asked for the job should see it.
Error error_of(const storage::JobRecord& job) {
  auto code = code_from_string(job.error_code);
  const bool has_reason = job.error_reason != Error{code, ""}.reason();
  const bool was_sent = !job.command_id.empty();
  if (was_sent && failed_on_host(job.error_reason, code, has_reason)) code = Code::bad_gateway;
  return Error{code, job.error_message, "job"}
      .reason(has_reason ? job.error_reason : "")
      .hint(job.error_hint);
}

}  // namespace

std::chrono::seconds ActionLimits::of(Action action) const {
  switch (action) {
    case Action::start:
      return start;
    case Action::stop:
      return stop;
    case Action::restart:
      return restart;
    case Action::rebuild:
      return rebuild;
  }
  return start;
}

ServiceActions::ServiceActions(registry::RegistryWatch& registry,
                               fleet::Fleet& fleet,
                               jobs::Jobs& jobs,
                               Preflight& preflight,
                               Recording& recording,
                               ActionLimits limits)
    : registry_(registry),
      fleet_(fleet),
      jobs_(jobs),
      preflight_(preflight),
      recording_(recording),
      limits_(limits) {
  for (const auto action : {Action::start, Action::stop, Action::restart, Action::rebuild}) {
    const std::string kind = enum_name(action);
    auto work = recording_.of(kind, [this, action](std::shared_ptr<jobs::Run> run) {
      return carry_out(action, std::move(run));
    });
    jobs_.add_kind(kind, std::move(work));
  }
}

asio::awaitable<jobs::Submitted> ServiceActions::begin(Action action,
                                                       std::string service,
                                                       std::string user,
                                                       std::string parent) {
  const auto registry = registry_.snapshot()->registry;
  const auto& entry = usable(*registry, service, action);
  fleet_.require_online(*entry.current_host);
  jobs::Request request;
  request.kind = enum_name(action);
  request.service = service;
  request.host = *entry.current_host;
  request.created_by = std::move(user);
  request.parent = std::move(parent);
  co_return co_await jobs_.submit(std::move(request));
}

asio::awaitable<void> ServiceActions::carry_out(Action action, std::shared_ptr<jobs::Run> run) {
  protocol::ComposeTarget target;
  target.service = run->record().service;
  // Of one that is taken up again the host knows by the id what is asked about.
  if (!run->resumed) {
    // What is stopped needs nothing.
    if (action != Action::stop) {
      PreflightWish wish;
      wish.service = run->record().service;
      wish.action = deploy_action(action);
      auto participle = participle_of(action);
      co_await look_first(preflight_, recording_, run, std::move(wish), std::move(participle));
    }
    const auto registry = registry_.snapshot()->registry;
    const auto& entry = usable(*registry, run->record().service, action);
    if (!is_docker(entry)) {
      auto command = command_of(action, native_target_of(*registry, entry));
      co_await run->command(
          std::move(command.name), std::move(command.arguments), limits_.of(action));
      co_return;
    }
    target = compose_target(*registry, entry);
  }
  const bool may_return = fleet_.knows(run->record().host, protocol::ComposeDeploy::name);
  if (action != Action::stop && may_return) {
    protocol::ComposeDeploy command;
    command.target = std::move(target);
    command.action = deploy_action(action);
    // Nobody who starts or restarts something waits for the first check of its health.
    command.settles_only = action != Action::rebuild;
    const DeployLimits limits{limits_.of(action), limits_.health};
    co_await deploy(run, std::move(command), limits);
    co_return;
  }
  auto command = command_of(action, target);
  co_await run->command(std::move(command.name), std::move(command.arguments), limits_.of(action));
}

void ServiceActions::require_success(const storage::JobRecord& job) {
  if (job.state == "succeeded") return;
  std::vector<ErrorDetail> details{{"job_id", job.id}};
  for (const auto& step : job.steps) {
    if (step.state == "failed") details.push_back({"step", step.name});
  }
  for (std::size_t start = 0; start < job.last_output.size();) {
    const auto end = job.last_output.find('\n', start);
    details.push_back({"output", job.last_output.substr(start, end - start)});
    start = end + 1;
  }
  throw error_of(job).details(std::move(details));
}

}  // namespace portoser::deployment
