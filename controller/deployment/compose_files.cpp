#include "controller/deployment/compose_files.h"

#include "common/crypto.h"
#include "common/describe_json.h"
#include "common/ids.h"
#include "controller/deployment/compose_target.h"
#include "controller/deployment/look_first.h"
#include "controller/deployment/usable_service.h"

#include <fmt/format.h>

#include <utility>

namespace portoser::deployment {
namespace {

constexpr std::chrono::seconds inspection_patience{15};

const registry::Service& usable_compose(const registry::Registry& registry,
                                        const std::string& name) {
  const auto& service = require_usable(registry, name);
  if (service.deployment_type != registry::DeploymentType::docker) {
    throw Error{Code::invalid,
                fmt::format("\"{}\" is a {} service and has no compose file",
                            name,
                            enum_name(service.deployment_type)),
                "path.service"}
        .reason("KIND_NOT_SUPPORTED");
  }
  return service;
}

}  // namespace

ComposeFiles::ComposeFiles(registry::RegistryWatch& registry,
                           fleet::Fleet& fleet,
                           jobs::Jobs& jobs,
                           Preflight& preflight,
                           Recording& recording,
                           DeployLimits limits)
    : registry_(registry),
      fleet_(fleet),
      jobs_(jobs),
      preflight_(preflight),
      recording_(recording),
      limits_(limits) {
  for (const bool apply : {false, true}) {
    const std::string kind = apply ? "update" : "write";
    auto work = recording_.of(kind, [this, apply](std::shared_ptr<jobs::Run> run) {
      return carry_out(apply, std::move(run));
    });
    jobs_.add_kind(kind, std::move(work));
  }
}

asio::awaitable<ComposeFile> ComposeFiles::read(std::string service) {
  const auto registry = registry_.snapshot()->registry;
  const auto& entry = usable_compose(*registry, service);
  ComposeFile file;
  file.machine = *entry.current_host;
  protocol::InspectCompose question;
  question.target = compose_target(*registry, entry);
  auto asking = fleet_.ask(file.machine, std::move(question), inspection_patience);
  file.found = co_await std::move(asking);
  if (file.found.file.empty()) {
    throw Error{Code::not_found,
                fmt::format("\"{}\" has no compose file on \"{}\"", service, file.machine),
                "path.service"}
        .reason("COMPOSE_FILE_MISSING")
        .hint("copy the project's folder to that host, or correct the path in the registry");
  }
  co_return file;
}

asio::awaitable<protocol::PreflightReport> ComposeFiles::check(std::string service,
                                                               std::string text) {
  const auto registry = registry_.snapshot()->registry;
  static_cast<void>(usable_compose(*registry, service));
  PreflightWish wish;
  wish.service = std::move(service);
  wish.action = "restart";
  wish.text = std::move(text);
  co_return co_await preflight_.look(std::move(wish));
}

asio::awaitable<jobs::Submitted> ComposeFiles::begin(TextWish wish, std::string user) {
  const auto registry = registry_.snapshot()->registry;
  const auto& entry = usable_compose(*registry, wish.service);
  const auto& host = *entry.current_host;
  fleet_.require_online(host);
  if (!fleet_.knows(host, protocol::ComposeDeploy::name)) {
    throw Error{Code::unavailable,
                fmt::format("the agent of \"{}\" is too old to write compose files", host),
                "machine"}
        .reason("AGENT_TOO_OLD")
        .hint("upgrade the agent of that host");
  }
  if (wish.text.size() > protocol::compose_text_limit) {
    throw Error{Code::too_large,
                fmt::format("the text has {} bytes, and {} are the most",
                            wish.text.size(),
                            protocol::compose_text_limit),
                "body.text"};
  }
  // Not the text itself: it may hold passwords, and a job's request is shown and kept.
  const auto text_id = to_hex(sha256(wish.revision + "\n" + wish.text));
  jobs::Request request;
  request.kind = wish.apply ? "update" : "write";
  request.service = wish.service;
  request.host = host;
  request.created_by = std::move(user);
  request.details = dump(Json{{"text_id", text_id}, {"why", wish.why}});
  request.attachment = wish.revision + "\n" + wish.text;
  co_return co_await jobs_.submit(std::move(request));
}

asio::awaitable<void> ComposeFiles::carry_out(bool apply, std::shared_ptr<jobs::Run> run) {
  protocol::ComposeDeploy command;
  command.target.service = run->record().service;
  command.action = apply ? "restart" : "write";
  command.replaces_text = true;
  if (!run->resumed) {
    const auto line_end = run->attachment.find('\n');
    command.revision = run->attachment.substr(0, line_end);
    command.text = run->attachment.substr(line_end + 1);
    const auto registry = registry_.snapshot()->registry;
    command.target = compose_target(*registry, usable_compose(*registry, run->record().service));
    if (apply) {
      PreflightWish wish;
      wish.service = run->record().service;
      wish.action = "restart";
      wish.text = command.text;
      co_await look_first(preflight_, recording_, run, std::move(wish), "updated");
    }
  }
  co_await deploy(run, std::move(command), limits_);
}

}  // namespace portoser::deployment
