#include "agent/actions/native.h"

#include "agent/actions/native_target.h"
#include "common/child.h"
#include "common/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace portoser::agent::actions {
namespace {

constexpr std::chrono::milliseconds look_again_at_unit{100};
constexpr auto words_of_a_unit = "20";

bool is_running(const systemd::Unit& unit) {
  return unit.is_up() && unit.active_state != "deactivating";
}

bool is_bad(const systemd::Unit& unit) {
  return unit.active_state == "failed" || unit.sub_state.starts_with("auto-restart") ||
         unit.has_lost_main();
}

ActionError did_not_stay(const systemd::Unit& unit, std::vector<std::string> words) {
  const bool tells_how = unit.exit_kind != 0;
  auto how = tells_how ? fmt::format(" (exit {})", unit.exit_code()) : std::string{};
  if (!unit.result.empty() && unit.result != "success" && unit.result != "exit-code") {
    how += fmt::format(" ({})", unit.result);
  }
  auto error =
      Error{Code::internal, fmt::format("{} ended right after its start{}", unit.name, how)}
          .reason("SERVICE_EXITED")
          .hint(fmt::format("its own words: journalctl -u {}", unit.name));
  std::optional<std::int64_t> code;
  if (tells_how) code = unit.exit_code();
  return ActionError{std::move(error), code, std::move(words)};
}

std::vector<std::string> lines_in(const std::string& text) {
  constexpr std::size_t longest_line = 1000;
  std::vector<std::string> lines;
  for (std::size_t start = 0; start < text.size();) {
    const auto end = std::min(text.find('\n', start), text.size());
    if (end > start) lines.push_back(text.substr(start, std::min(end - start, longest_line)));
    start = end + 1;
  }
  return lines;
}

}  // namespace

Native::Native(NativeSettings settings,
               std::string boot_id,
               const Clock& clock,
               UnitControl& units,
               NativeMemory& memory,
               asio::thread_pool& pool)
    : settings_(std::move(settings)),
      boot_id_(std::move(boot_id)),
      clock_(clock),
      units_(units),
      memory_(memory),
      pool_(pool) {}

void Native::add_to(Catalogue& catalogue) {
  catalogue.add<protocol::NativeStart>(*this, &Native::plan_start, &Native::finish_start);
  catalogue.add<protocol::NativeStop>(*this, &Native::plan_stop, &Native::finish_stop);
  catalogue.add<protocol::NativeRestart>(*this, &Native::plan_restart, &Native::finish_restart);
  catalogue.add_witness<protocol::NativeStart>(*this, &Native::last_words);
  catalogue.add_witness<protocol::NativeRestart>(*this, &Native::last_words);
}

asio::awaitable<systemd::Unit> Native::require_unit(protocol::NativeTarget target) {
  auto unit = co_await units_.unit(systemd::unit_name(target.service, target.unit));
  require_there(target, unit);
  co_return unit;
}

asio::awaitable<OwnUnit> Native::read_own(protocol::NativeTarget target) {
  OwnUnit own;
  own.service = target.service;
  own.unit = systemd::unit_name(target.service, target.unit);
  own.user = target.user;
  auto read = [target] {
    require_user(target);
    return read_service_file(target.service, target.files, target.working_dir);
  };
  own.file = co_await on_pool(pool_, std::move(read));
  const auto version = co_await units_.systemd_version();
  own.systemd_version = major_version(version);
  co_return own;
}

asio::awaitable<std::vector<runner::Step>> Native::start_steps(protocol::NativeTarget target) {
  const auto unit = co_await require_unit(target);
  std::vector<runner::Step> steps;
  if (!target.unit.empty()) {
    steps.push_back(systemctl_step(settings_.tools, "start", "start", unit.name));
    co_return steps;
  }
  const auto own = co_await read_own(target);
  if (is_running(unit) || unit.active_state == "activating") {
    steps.push_back(systemctl_step(settings_.tools, "start", "start", unit.name));
    co_return steps;
  }
  if (unit.active_state == "deactivating" || unit.has_lost_main()) {
    steps.push_back(systemctl_step(settings_.tools, "stop", "stop", unit.name));
  }
  steps.push_back(forget_failure_step(settings_.tools, unit.name));
  steps.push_back(run_step(settings_.tools, own));
  co_return steps;
}

asio::awaitable<runner::Spec> Native::plan_start(protocol::NativeStart command) {
  auto steps = co_await start_steps(command.target);
  co_return spec_of(command.target, std::move(steps));
}

asio::awaitable<runner::Spec> Native::plan_stop(protocol::NativeStop command) {
  const auto unit = co_await require_unit(command.target);
  std::vector<runner::Step> steps;
  const bool is_own = command.target.unit.empty();
  const bool is_down = unit.active_state == "inactive" || unit.active_state == "failed";
  if (!is_own || !is_down) {
    steps.push_back(systemctl_step(settings_.tools, "stop", "stop", unit.name));
  }
  // Who stops it has seen what failed in it.
  if (is_own) steps.push_back(forget_failure_step(settings_.tools, unit.name));
  co_return spec_of(command.target, std::move(steps));
}

asio::awaitable<runner::Spec> Native::plan_restart(protocol::NativeRestart command) {
  const auto& target = command.target;
  const auto unit = co_await require_unit(target);
  std::vector<runner::Step> steps;
  if (!target.unit.empty()) {
    steps.push_back(systemctl_step(settings_.tools, "restart", "restart", unit.name));
    co_return spec_of(target, std::move(steps));
  }
  const auto own = co_await read_own(target);
  if (!own.file.restart.empty() && unit.can_reload && unit.active_state == "active" &&
      !unit.has_lost_main()) {
    steps.push_back(systemctl_step(settings_.tools, "restart", "reload", unit.name));
    co_return spec_of(target, std::move(steps));
  }
  if (unit.active_state != "inactive" && unit.active_state != "failed") {
    steps.push_back(systemctl_step(settings_.tools, "stop", "stop", unit.name));
  }
  steps.push_back(forget_failure_step(settings_.tools, unit.name));
  steps.push_back(run_step(settings_.tools, own));
  co_return spec_of(target, std::move(steps));
}

runner::Spec Native::spec_of(const protocol::NativeTarget& target,
                             std::vector<runner::Step> steps) const {
  runner::Spec spec;
  spec.service = target.service;
  spec.locks.push_back("unit " + systemd::unit_name(target.service, target.unit));
  spec.steps = std::move(steps);
  spec.environment = native_environment();
  return spec;
}

asio::awaitable<void> Native::finish_start(protocol::NativeStart command) {
  return after_start(std::move(command.target));
}

asio::awaitable<void> Native::finish_restart(protocol::NativeRestart command) {
  return after_start(std::move(command.target));
}

asio::awaitable<void> Native::finish_stop(protocol::NativeStop command) {
  if (!command.target.unit.empty()) {
    const auto unit = co_await require_unit(command.target);
    co_await take_boot_away(unit.id);
    co_return;
  }
  auto forget = [service = command.target.service](NativeNotes& notes) {
    notes.started.erase(service);
  };
  co_await memory_.change(std::move(forget));
}

asio::awaitable<void> Native::after_start(protocol::NativeTarget target) {
  if (target.unit.empty()) {
    co_await remember_started(target);
  } else {
    const auto unit = co_await require_unit(target);
    co_await give_boot_back(unit.id);
  }
  co_await watch_start(std::move(target));
}

asio::awaitable<void> Native::watch_start(protocol::NativeTarget target) {
  using Steady = std::chrono::steady_clock;
  const auto end = Steady::now() + settings_.settle;
  std::optional<std::int64_t> restarts;
  for (;;) {
    const auto unit = co_await require_unit(target);
    // A service that is to stay; one of somebody's own may be done, if it says that it went well.
    const bool is_gone = target.unit.empty() && unit.active_state == "inactive";
    const bool came_back = restarts && unit.restarts > *restarts;
    if (is_bad(unit) || is_gone || came_back) {
      auto words = co_await last_words(target);
      throw did_not_stay(unit, std::move(words));
    }
    restarts = unit.restarts;
    const std::chrono::microseconds settled =
        std::chrono::microseconds{unit.active_enter_us} + settings_.settle;
    // By the steady clock too: the wall clock may be set back while we wait.
    if (unit.is_up() && std::chrono::microseconds{to_unix_us(clock_.now())} >= settled) co_return;
    if (Steady::now() >= end) co_return;
    co_await pause(look_again_at_unit);
  }
}

asio::awaitable<void> Native::remember_started(protocol::NativeTarget target) {
  StartedService started;
  started.target = target;
  started.boot_id = boot_id_;
  auto note = [started, service = target.service](NativeNotes& notes) {
    notes.started.insert_or_assign(service, started);
  };
  return memory_.change(std::move(note));
}

/// Remembered before it is taken, so that a crash between the two loses nothing.
asio::awaitable<void> Native::take_boot_away(std::string unit) {
  const auto now = co_await units_.unit(unit);
  if (now.file_state != "enabled") co_return;
  auto note = [unit](NativeNotes& notes) {
    auto& all = notes.disabled;
    if (std::find(all.begin(), all.end(), unit) == all.end()) all.push_back(unit);
  };
  co_await memory_.change(std::move(note));
  std::vector<std::string> argv{settings_.tools.systemctl, "--quiet", "disable", "--", unit};
  co_await run_tool(std::move(argv));
}

asio::awaitable<void> Native::give_boot_back(std::string unit) {
  const auto& all = memory_.notes().disabled;
  if (std::find(all.begin(), all.end(), unit) == all.end()) co_return;
  const auto now = co_await units_.unit(unit);
  // Somebody else may have decided otherwise meanwhile: that stays.
  if (now.file_state == "disabled") {
    std::vector<std::string> argv{settings_.tools.systemctl, "--quiet", "enable", "--", unit};
    co_await run_tool(std::move(argv));
  }
  auto forget = [unit](NativeNotes& notes) { std::erase(notes.disabled, unit); };
  co_await memory_.change(std::move(forget));
}

asio::awaitable<void> Native::run_tool(std::vector<std::string> argv) {
  constexpr std::chrono::seconds limit{30};
  ChildRequest request;
  const auto words = fmt::format("{}", fmt::join(argv, " "));
  request.argv = std::move(argv);
  request.limit = limit;
  const auto result = co_await run_child(std::move(request));
  if (result.exit_code == 0 && !result.timed_out) co_return;
  auto lines = lines_in(result.output);
  throw Error{Code::internal,
              fmt::format("{} failed (exit {}){}",
                          words,
                          result.exit_code,
                          lines.empty() ? "" : ": " + lines.back())}
      .reason("ACTION_FAILED");
}

asio::awaitable<std::vector<std::string>> Native::last_words(protocol::NativeTarget target) {
  constexpr std::chrono::seconds limit{10};
  std::vector<std::string> lines;
  try {
    const auto unit = co_await units_.unit(systemd::unit_name(target.service, target.unit));
    ChildRequest request;
    request.limit = limit;
    request.argv = {
        settings_.tools.journalctl, "--quiet", "--no-pager", "-o", "cat", "-n", words_of_a_unit};
    if (unit.invocation.empty()) {
      request.argv.insert(request.argv.end(), {"-b", "-u", unit.name});
    } else {
      // What it wrote, and what systemd wrote about it.
      request.argv.push_back("_SYSTEMD_INVOCATION_ID=" + unit.invocation);
      request.argv.emplace_back("+");
      request.argv.push_back("INVOCATION_ID=" + unit.invocation);
    }
    const auto result = co_await run_child(std::move(request));
    if (result.exit_code == 0) lines = lines_in(result.output);
  } catch (const Error&) {
    // What failed is told without them.
  }
  co_return lines;
}

Error Native::explain(const StepFailure& failure) {
  if (!failure.problem.empty()) {
    if (failure.exit_code == 127) {
      return Error{Code::unavailable, "this host runs no systemd: " + failure.problem}
          .reason("SYSTEMD_MISSING")
          .hint("native and local services are run by systemd");
    }
    return Error{Code::internal, failure.problem}.reason("ACTION_FAILED");
  }
  auto message = fmt::format("systemd could not {} it (exit {})", failure.step, failure.exit_code);
  bool has_words = false;
  for (const auto& line : failure.lines) {
    // Where to look on the host the output here tells better, and nothing had to be reset.
    if (line.starts_with("See \"systemctl status") || line.starts_with("Failed to reset failed")) {
      continue;
    }
    message += (has_words ? " " : ": ") + line;
    has_words = true;
  }
  if (failure.step == "start" && !has_words) {
    // systemd-run says nothing of a program that started and was gone before it could look.
    return Error{Code::internal, "it ended right after its start"}
        .reason("SERVICE_EXITED")
        .hint("its own last lines are in the output");
  }
  return Error{Code::internal, message}
      .reason("ACTION_FAILED")
      .hint("its log has the whole output, with the unit's own last lines");
}

asio::awaitable<void> Native::resume(std::set<std::string> assigned_units) {
  const auto disabled = memory_.notes().disabled;
  for (const auto& name : disabled) {
    const auto unit = co_await units_.unit(name);
    if (unit.load_state == "not-found") {
      auto forget = [name](NativeNotes& notes) { std::erase(notes.disabled, name); };
      co_await memory_.change(std::move(forget));
    } else if (is_running(unit)) {
      co_await give_boot_back(name);
    } else {
      co_await take_boot_away(name);
    }
  }
  std::vector<std::string> services;
  for (const auto& [service, started] : memory_.notes().started) {
    const auto unit = systemd::unit_name(service, {});
    if (started.boot_id != boot_id_ && assigned_units.contains(unit)) services.push_back(service);
  }
  for (const auto& service : services) co_await bring_back(service);
}

/// As a restart policy of the engine does for a container.
asio::awaitable<void> Native::bring_back(std::string service) {
  const auto found = memory_.notes().started.find(service);
  if (found == memory_.notes().started.end()) co_return;
  const auto target = found->second.target;
  std::string problem;
  try {
    // Noted first: one that cannot be started is not tried at each start of the agent.
    co_await remember_started(target);
    const auto steps = co_await start_steps(target);
    for (const auto& step : steps) {
      ChildRequest request;
      request.argv = step.argv;
      request.limit = std::chrono::seconds{60};
      const auto result = co_await run_child(std::move(request));
      if (result.exit_code == 0 || step.may_fail) continue;
      problem = fmt::format("{} (exit {}): {}", step.name, result.exit_code, result.output);
      break;
    }
  } catch (const Error& error) {
    problem = error.what();
  }
  if (problem.empty()) {
    log::info("actions", "service started again after the boot", {{"service", service}});
  } else {
    log::warn("actions",
              "a service that ran before the boot could not be started",
              {{"service", service}, {"reason", problem}});
  }
}

}  // namespace portoser::agent::actions
