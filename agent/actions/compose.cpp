#include "agent/actions/compose.h"

#include "agent/actions/compose_file.h"
#include "agent/actions/failure_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>

namespace portoser::agent::actions {
namespace {

constexpr std::chrono::milliseconds look_again{200};

Error file_missing(const protocol::ComposeTarget& target) {
  if (target.files.empty()) {
    return Error{Code::invalid, "the command names no compose file", "target.files"};
  }
  return Error{Code::not_found,
               fmt::format("{} has no compose file on this host; looked for {}",
                           target.service,
                           fmt::join(target.files, ", "))}
      .reason("COMPOSE_FILE_MISSING")
      .hint("copy the project's folder to this host, or correct the path in the registry");
}

ActionError exited(const engine::Container& container) {
  std::optional<std::int64_t> exit_code;
  auto text = container.name;
  if (container.state == "running") {
    text += " ends again and again after its start";
  } else {
    exit_code = container.exit_code;
    text += fmt::format(" ended right after its start (exit {}{})",
                        container.exit_code,
                        container.oom_killed ? ", out of memory" : "");
  }
  auto error = Error{Code::internal, text}
                   .reason("CONTAINER_EXITED")
                   .hint(fmt::format("its own words: docker logs --tail 50 {}", container.name));
  return ActionError{std::move(error), exit_code};
}

/// Over several looks at the containers that were just started.
class StartWatch {
 public:
  explicit StartWatch(std::chrono::microseconds settle) : settle_(settle) {}

  /// Throws when one of them ended badly. How long the youngest still has to be up; 0: all have
  /// started. What ended with 0 is done, and a check of its own that is healthy says more than
  /// time.
  std::chrono::microseconds look(const std::vector<engine::Container>& containers,
                                 std::chrono::microseconds now) {
    std::chrono::microseconds left{0};
    for (const auto& container : containers) {
      if (container.state == "restarting" ||
          ((container.state == "exited" || container.state == "dead") &&
           container.exit_code != 0)) {
        throw exited(container);
      }
      if (container.state != "running") continue;
      const auto [first, is_new] = started_us_.emplace(container.id, container.started_us);
      // Up again by its restart policy between two looks.
      if (!is_new && first->second != container.started_us) throw exited(container);
      if (container.health == "healthy") continue;
      left = std::max(left, std::chrono::microseconds{container.started_us} + settle_ - now);
    }
    return left;
  }

 private:
  std::chrono::microseconds settle_;
  std::map<std::string, std::int64_t> started_us_;
};

}  // namespace

Compose::Compose(ComposeSettings settings,
                 const Clock& clock,
                 EngineControl& engine,
                 RestartPolicies& policies,
                 asio::thread_pool& pool)
    : settings_(std::move(settings)),
      clock_(clock),
      engine_(engine),
      policies_(policies),
      pool_(pool),
      finder_(settings_.tool) {}

void Compose::add_to(Catalogue& catalogue) {
  catalogue.add<protocol::ComposeUp>(*this, &Compose::plan_up, &Compose::finish_up);
  catalogue.add<protocol::ComposeStop>(*this, &Compose::plan_stop, &Compose::finish_stop);
  catalogue.add<protocol::ComposeRestart>(*this, &Compose::plan_restart, &Compose::finish_restart);
  catalogue.add<protocol::ComposeRebuild>(*this, &Compose::plan_rebuild, &Compose::finish_rebuild);
  catalogue.add<protocol::ComposeDown>(*this, &Compose::plan_down, &Compose::finish_down);
  catalogue.add<protocol::ComposeDeploy>(
      *this, &Compose::plan_deploy, &Compose::finish_deploy, &Compose::after_undo);
  catalogue.add<protocol::ComposeConfirm>(*this, &Compose::plan_confirm, &Compose::finish_confirm);
}

asio::awaitable<runner::Spec> Compose::plan_up(protocol::ComposeUp command) {
  const auto call = co_await locate(command.target);
  const auto tool = co_await finder_.find();
  co_return spec_of(command.target, call, up_steps(tool, call));
}

asio::awaitable<runner::Spec> Compose::plan_stop(protocol::ComposeStop command) {
  const auto call = co_await locate(command.target);
  const auto tool = co_await finder_.find();
  co_return spec_of(command.target, call, stop_steps(tool, call));
}

asio::awaitable<runner::Spec> Compose::plan_restart(protocol::ComposeRestart command) {
  const auto call = co_await locate(command.target);
  const auto tool = co_await finder_.find();
  co_return spec_of(command.target, call, restart_steps(tool, call));
}

asio::awaitable<runner::Spec> Compose::plan_rebuild(protocol::ComposeRebuild command) {
  const auto call = co_await locate(command.target);
  const auto tool = co_await finder_.find();
  auto read = [file = call.file, service = call.compose_service] {
    return rebuild_needs(file, service);
  };
  const auto needs = co_await on_pool(pool_, std::move(read));
  co_return spec_of(command.target, call, rebuild_steps(tool, call, needs));
}

asio::awaitable<runner::Spec> Compose::plan_down(protocol::ComposeDown command) {
  const auto call = co_await locate(command.target);
  const auto tool = co_await finder_.find();
  co_return spec_of(command.target, call, down_steps(tool, call));
}

asio::awaitable<void> Compose::finish_up(protocol::ComposeUp command) {
  return after_start(std::move(command.target));
}

asio::awaitable<void> Compose::finish_restart(protocol::ComposeRestart command) {
  return after_start(std::move(command.target));
}

asio::awaitable<void> Compose::finish_rebuild(protocol::ComposeRebuild command) {
  return after_start(std::move(command.target));
}

asio::awaitable<void> Compose::finish_stop(protocol::ComposeStop command) {
  auto containers = co_await containers_of(std::move(command.target));
  co_await policies_.take_away(std::move(containers));
}

asio::awaitable<void> Compose::finish_down(protocol::ComposeDown) {
  // What was remembered of its containers is of no use any more.
  co_await policies_.reconcile();
}

Error Compose::explain(const StepFailure& failure) {
  auto error = explain_compose_failure(failure);
  if (error.reason() == "COMPOSE_MISSING") finder_.forget();
  return error;
}

asio::awaitable<ComposeCall> Compose::locate(protocol::ComposeTarget target) {
  auto identify = [target] {
    return engine::identify_compose(target.files, target.project, target.compose_service);
  };
  const auto identity = co_await on_pool(pool_, std::move(identify));
  if (identity.file.empty()) throw file_missing(target);
  ComposeCall call;
  call.file = identity.file;
  call.project = target.project;
  call.compose_service = target.compose_service;
  co_return call;
}

runner::Spec Compose::spec_of(const protocol::ComposeTarget& target,
                              const ComposeCall& call,
                              std::vector<runner::Step> steps) const {
  runner::Spec spec;
  spec.service = target.service;
  spec.locks.push_back("folder " + std::filesystem::path{call.file}.parent_path().string());
  if (!call.project.empty()) spec.locks.push_back("project " + call.project);
  spec.steps = std::move(steps);
  spec.environment = compose_environment(settings_.engine_socket);
  spec.unset = compose_unset();
  return spec;
}

asio::awaitable<std::vector<engine::Container>> Compose::containers_of(
    protocol::ComposeTarget target) {
  auto identify = [target] {
    return engine::identify_compose(target.files, target.project, target.compose_service);
  };
  const auto identity = co_await on_pool(pool_, std::move(identify));
  auto containers = co_await engine_.containers();
  std::erase_if(containers,
                [&](const auto& container) { return !engine::belongs_to(container, identity); });
  co_return containers;
}

asio::awaitable<void> Compose::after_start(protocol::ComposeTarget target) {
  auto containers = co_await containers_of(target);
  auto started = containers;
  co_await policies_.give_back(std::move(started));
  using Steady = std::chrono::steady_clock;
  // By the steady clock too: the wall clock may be set back while we wait.
  const auto end = Steady::now() + settings_.settle;
  StartWatch watch{settings_.settle};
  for (;;) {
    const std::chrono::microseconds now{to_unix_us(clock_.now())};
    const auto left = std::min<Steady::duration>(watch.look(containers, now), end - Steady::now());
    if (left <= Steady::duration::zero()) co_return;
    co_await pause(std::min<Steady::duration>(look_again, left));
    containers = co_await containers_of(target);
  }
}

}  // namespace portoser::agent::actions
