#include "agent/actions/actions.h"

#include "agent/actions/failure_text.h"
#include "agent/actions/output.h"
#include "agent/actions/runner_process.h"
#include "common/disk.h"
#include "common/ids.h"
#include "common/log.h"

#include <boost/asio/multiple_exceptions.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace portoser::agent::actions {
namespace {

/// For a command that does not say how long it may take: a rebuild's limit.
constexpr std::chrono::minutes longest_run{30};
/// What comes before and after the runner has a limit of its own: the deadline may be over when the
/// runner ends, and what is left to do must be done all the same.
constexpr std::chrono::seconds planning_limit{60};
constexpr std::chrono::seconds finishing_limit{60};
/// A runner that is killed again and again is not started for ever.
constexpr int most_resumes = 3;
/// Until a machine that could not start a process may do so again.
constexpr std::chrono::seconds time_to_recover{2};

Error cancelled() {
  return Error{Code::conflict, "the command was cancelled"}.reason("ACTION_CANCELLED");
}

Error too_late() {
  return Error{Code::deadline,
               "the host got the command when nobody waited for it any more; it was not run"}
      .reason("COMMAND_TOO_LATE")
      .hint("run it again if it is still wanted");
}

Error interrupted(const std::string& what) {
  return Error{Code::unavailable, what}
      .reason("ACTION_INTERRUPTED")
      .hint("look at the service's state, then run the command again");
}

ActionError failed_step(Error error, const StepFailure& failure) {
  if (error.reason() == "CONTAINER_EXITED") {
    return ActionError{std::move(error), told_exit_code(failure.lines)};
  }
  return ActionError{std::move(error), failure.exit_code};
}

void fail(protocol::CommandResult& result, const Error& error) {
  result.succeeded = false;
  result.code = to_string(error.code());
  result.reason = error.reason();
  result.message = error.message();
  result.hint = error.hint();
}

ComposeSettings compose_settings(const ActionSettings& settings) {
  auto compose = settings.compose;
  compose.data_folder = settings.data_folder;
  compose.boot_id = settings.boot_id;
  if (compose.deployment_program.empty()) {
    const auto beside = std::filesystem::path{settings.runner}.parent_path();
    compose.deployment_program = (beside / "portoser-deployment").string();
  }
  return compose;
}

RoutingSettings routing_settings(const ActionSettings& settings) {
  RoutingSettings routing;
  routing.data_folder = settings.data_folder;
  routing.program = settings.routing_program;
  if (routing.program.empty()) {
    const auto beside = std::filesystem::path{settings.runner}.parent_path();
    routing.program = (beside / "portoser-routing").string();
  }
  return routing;
}

MoveSettings move_settings(const ActionSettings& settings) {
  auto move = settings.move;
  move.data_folder = settings.data_folder;
  if (move.engine_socket.empty()) move.engine_socket = settings.compose.engine_socket;
  if (move.stream_socket.empty()) {
    move.stream_socket = (settings.data_folder / "streams.sock").string();
  }
  if (move.transfer_program.empty()) {
    const auto beside = std::filesystem::path{settings.runner}.parent_path();
    move.transfer_program = (beside / "portoser-transfer").string();
  }
  return move;
}

}  // namespace

/// A command under way.
struct Actions::Run {
  protocol::Command command;
  runner::Spec spec;
  bool planned = false;    ///< the locks of the spec are taken
  bool announced = false;  ///< on_service_command_started was called
  bool cancelled = false;
  bool withdrawn = false;  ///< must not begin any more
  bool gave_up = false;    ///< neither finished nor undone: no runner came through
  std::optional<RunnerProcess> process;
  std::optional<OutputFollower> output;
  std::optional<runner::Outcome> outcome;
  std::optional<protocol::CommandResult> result;  ///< reported, and not yet in the journal
  std::vector<std::string> last_words;            ///< of what failed, beside its output

  [[nodiscard]] const std::string& id() const { return command.id; }
};

Actions::Actions(asio::any_io_executor executor,
                 asio::thread_pool& pool,
                 const Clock& clock,
                 EngineControl& engine,
                 UnitControl& units,
                 ActionSettings settings,
                 ActionCallbacks callbacks)
    : executor_(std::move(executor)),
      pool_(pool),
      clock_(clock),
      settings_(std::move(settings)),
      callbacks_(std::move(callbacks)),
      journal_(settings_.data_folder / "journal", settings_.journal),
      policies_(settings_.data_folder / "restart-policies.json", engine, pool),
      compose_(compose_settings(settings_), clock, engine, policies_, pool),
      native_memory_(settings_.data_folder / "native-services.json", pool),
      native_(settings_.native, settings_.boot_id, clock, units, native_memory_, pool),
      routing_(routing_settings(settings_)),
      move_(move_settings(settings_)),
      results_(journal_, pool, tasks_),
      tasks_(executor_) {
  compose_.add_to(catalogue_);
  native_.add_to(catalogue_);
  routing_.add_to(catalogue_);
  move_.add_to(catalogue_);
}

Actions::~Actions() = default;

void Actions::adopt() {
  for (const auto& id : journal_.unfinished()) {
    auto run = std::make_shared<Run>();
    // Taken on and not even written whole: its sender gets an answer when it asks again.
    run->command = journal_.command(id).value_or(protocol::Command{});
    run->command.id = id;
    if (auto spec = journal_.spec(id)) {
      run->spec = std::move(*spec);
      run->planned = true;
      announce(*run, journal_.planned_at(id).value_or(clock_.now()));
    }
    runs_.emplace(id, run);
    tasks_.spawn("command " + id, take_over(run));
  }
}

void Actions::handle(protocol::Command command) {
  auto run = std::make_shared<Run>();
  run->command = std::move(command);
  if (!is_ulid(run->id())) {
    auto result = result_of(*run);
    fail(result, Error{Code::bad_request, "the command's id is not a ULID", "id"});
    callbacks_.on_result(std::move(result));
    return;
  }
  const auto [known, is_new] = runs_.emplace(run->id(), run);
  if (!is_new) {
    if (known->second->output) known->second->output->rewind();
    if (known->second->result) callbacks_.on_result(*known->second->result);
    return;
  }
  tasks_.spawn("command " + run->id(), take_on(run));
}

void Actions::cancel(const protocol::Cancel& cancel) {
  const auto found = runs_.find(cancel.id);
  if (found == runs_.end()) return;
  if (cancel.unless_begun) {
    found->second->withdrawn = true;
    return;
  }
  found->second->cancelled = true;
  if (found->second->process) found->second->process->cancel();
}

asio::awaitable<void> Actions::reconcile_restart_policies() {
  try {
    co_await policies_.reconcile();
  } catch (const Error& error) {
    if (error.reason() != "DISK_FULL") throw;
    // Those of containers that are gone are in the file still; the next start finds the same.
    log::warn("actions", "restart policies cannot be kept", {{"reason", error.what()}});
  }
}

asio::awaitable<void> Actions::resume_native_services(std::set<std::string> assigned_units) {
  try {
    co_await native_.resume(std::move(assigned_units));
  } catch (const Error& error) {
    log::warn("actions", "native services cannot be put right", {{"reason", error.what()}});
  }
}

asio::awaitable<std::string> Actions::compose_version() {
  try {
    const auto tool = co_await compose_.finder().find();
    co_return tool.version;
  } catch (const Error&) {
    co_return std::string{};
  }
}

void Actions::stop() {
  tasks_.stop();
}

asio::awaitable<void> Actions::join() {
  return tasks_.join();
}

Error Actions::no_room(const std::string& consequence) const {
  const auto host =
      settings_.host.empty() ? "this host" : fmt::format("host \"{}\"", settings_.host);
  return Error{Code::unavailable,
               fmt::format("the disk of {} that holds {} is full: {}",
                           host,
                           journal_.folder().string(),
                           consequence)}
      .reason("DISK_FULL");
}

/// There is no outcome: it is not known how far the command came.
Error Actions::cut_off() const {
  if (disk_room(journal_.folder()).is_full()) {
    auto error = no_room("how the command ended could not be written there and is not known");
    return interrupted(error.message());
  }
  return interrupted(
      "the command was cut off: its process is gone and left no outcome (the host lost power, or "
      "somebody killed it)");
}

/// A command that is not under way: new, or over long ago.
asio::awaitable<void> Actions::take_on(RunPointer run) {
  if (auto told = results_.waiting(run->id())) {
    runs_.erase(run->id());
    callbacks_.on_result(std::move(*told));
    co_return;
  }
  auto read = [this, id = run->id()] { return journal_.result(id); };
  auto known = co_await on_pool(pool_, std::move(read));
  if (known) {
    runs_.erase(run->id());
    callbacks_.on_result(std::move(*known));
    co_return;
  }
  auto ask = [this, id = run->id()] { return journal_.command(id); };
  const auto begun = co_await on_pool(pool_, std::move(ask));
  if (begun) {
    // Its result could not be kept, on a full disk say. It is judged again and not run again.
    run->command = *begun;
    auto read_spec = [this, id = run->id()] { return journal_.spec(id); };
    if (auto spec = co_await on_pool(pool_, std::move(read_spec))) run->spec = std::move(*spec);
    co_await take_over(run);
    co_return;
  }
  if (run->command.adopt_only) {
    runs_.erase(run->id());
    auto result = result_of(*run);
    fail(result,
         Error{Code::not_found, "this host's journal does not know the command; it did nothing"}
             .reason("COMMAND_UNKNOWN"));
    callbacks_.on_result(std::move(result));
    co_return;
  }
  log::info("actions", "command", {{"id", run->id()}, {"name", run->command.name}});
  co_await conclude(run, carry_out(run));
}

asio::awaitable<void> Actions::take_over(RunPointer run) {
  log::info("actions", "command adopted", {{"id", run->id()}, {"name", run->command.name}});
  co_await conclude(run, go_on(run));
}

/// Whatever becomes of the work becomes the result; only our own stop does not.
template <class Work>
asio::awaitable<void> Actions::conclude(RunPointer run, Work work) {
  auto result = result_of(*run);
  try {
    co_await std::move(work);
    result.succeeded = true;
  } catch (const ActionError& error) {
    fail(result, error);
    result.exit_code = error.exit_code;
    run->last_words = error.last_words;
  } catch (const Error& error) {
    fail(result, error);
  } catch (const std::exception& error) {
    if (is_cancellation(std::current_exception())) throw;
    fail(result, Error{Code::internal, error.what()});
  }
  if (run->outcome) {
    result.failed_step = run->outcome->failed_step;
    result.undone = run->outcome->undone;
    result.when.boot_id = run->outcome->boot_id;
    result.when.uptime_ns = run->outcome->uptime_ns;
    result.when.wall_us = run->outcome->wall_us;
  } else {
    result.when = result_of(*run).when;
    if (run->gave_up) result.undone = runner::undo_failed;
  }
  co_await report(run, std::move(result));
}

asio::awaitable<void> Actions::carry_out(RunPointer run) {
  auto begin = [this, command = run->command] { journal_.begin(command); };
  co_await with_room(on_pool(pool_, std::move(begin)));
  const auto received = clock_.uptime();
  auto planning = catalogue_.at(run->command.name).plan(run->command.arguments, run->id());
  run->spec = co_await with_deadline(std::move(planning), planning_limit, "preparing the command");
  refuse_if_busy(*run);
  run->planned = true;
  const auto limit = run->command.duration_ms > 0
                         ? std::chrono::milliseconds{run->command.duration_ms}
                         : std::chrono::milliseconds{longest_run};
  run->spec.deadline_ns = (received + limit).count();
  if (run->spec.not_after_ns > 0) {
    run->spec.deadline_ns = std::min(run->spec.deadline_ns, run->spec.not_after_ns);
  }
  run->spec.grace_ms = settings_.grace.count();
  auto plan = [this, id = run->id(), spec = run->spec] { journal_.plan(id, spec); };
  co_await with_room(on_pool(pool_, std::move(plan)));
  if (run->cancelled) throw cancelled();
  if (run->withdrawn) throw too_late();
  announce(*run, clock_.now());
  run->process = RunnerProcess::start(executor_, settings_.runner, journal_.folder_of(run->id()));
  co_await supervise(run);
  co_await judge(run);
}

/// The journal's part before anything is run.
asio::awaitable<void> Actions::with_room(asio::awaitable<void> work) {
  std::optional<Error> full;
  try {
    co_await std::move(work);
  } catch (const Error& error) {
    if (error.reason() != "DISK_FULL") throw;
    full = no_room("the command was not run");
  }
  if (full) throw std::move(*full).hint("make room on that disk, then run the command again");
}

asio::awaitable<void> Actions::go_on(RunPointer run) {
  run->process = co_await RunnerProcess::adopt(journal_.folder_of(run->id()));
  if (run->process) {
    if (run->cancelled) run->process->cancel();
    co_await supervise(run);
  }
  co_await judge(run);
}

/// Until the runner is gone, with its output on the way.
asio::awaitable<void> Actions::supervise(RunPointer run) {
  using namespace asio::experimental::awaitable_operators;
  std::vector<std::string> steps;
  for (const auto& step : run->spec.steps) steps.push_back(step.name);
  OutputFollower::Sink sink = [this, steps](protocol::Progress progress) {
    // Beside a step that begins: those that will follow.
    if (progress.lines.empty()) progress.steps = steps;
    callbacks_.on_progress(std::move(progress));
  };
  try {
    run->output.emplace(executor_, journal_.folder_of(run->id()), run->id(), std::move(sink));
  } catch (const std::exception& error) {
    // No more watches on this host: the command goes on, without progress until its end.
    log::warn("actions", "output cannot be followed", {{"reason", error.what()}});
  }
  auto ended = run->process->wait();
  if (run->output) {
    auto following = run->output->follow();
    co_await (std::move(ended) || std::move(following));
    run->output->finish();
    run->output.reset();
  } else {
    co_await std::move(ended);
  }
  run->process.reset();
}

/// What the runner left behind, then the second part of the command.
asio::awaitable<void> Actions::judge(RunPointer run) {
  auto read = [this, id = run->id()] { return journal_.outcome(id); };
  run->outcome = co_await on_pool(pool_, read);
  // Killed with a change half done: another one finishes or undoes it. Until one has said so,
  // nobody knows that it is.
  run->gave_up = !run->outcome && !run->spec.undo.empty();
  for (int attempt = 0; !run->outcome && !run->spec.undo.empty() && attempt < most_resumes;
       ++attempt) {
    log::warn("actions", "cut-off command is taken up again", {{"id", run->id()}});
    const auto folder = journal_.folder_of(run->id());
    // What it forked last may hold its lock for a moment longer.
    run->process = co_await RunnerProcess::adopt(folder);
    if (!run->process) {
      std::optional<Error> refused;
      try {
        run->process = RunnerProcess::start(executor_, settings_.runner, folder, true);
      } catch (const Error& error) {
        refused = error;  // no memory, or too many processes, for the moment
      }
      if (refused) {
        log::warn("actions", "no process can be started", {{"reason", refused->message()}});
        co_await pause(time_to_recover);
        continue;
      }
    }
    co_await supervise(run);
    run->outcome = co_await on_pool(pool_, read);
  }
  if (!run->outcome) throw cut_off();
  run->gave_up = false;
  const auto& outcome = *run->outcome;
  const auto& action = catalogue_.at(run->command.name);
  if (outcome.cancelled || outcome.timed_out || outcome.interrupted ||
      !outcome.failed_step.empty()) {
    auto failure = co_await failure_of(run);
    if (action.last_words && !outcome.failed_step.empty()) {
      auto asking = action.last_words(run->command.arguments);
      failure.last_words = co_await std::move(asking);
    }
    if (!outcome.undone.empty() && action.after_undo) {
      auto work = action.after_undo(run->command.arguments);
      co_await without_failing(std::move(work));
    }
    throw ActionError{std::move(failure)};
  }
  auto finishing = action.finish(run->command.arguments);
  const auto limit = finishing_limit + std::max(settings_.compose.settle, settings_.native.settle);
  try {
    co_await with_deadline(std::move(finishing), limit, "finishing the command");
  } catch (const Error& error) {
    if (error.reason() != "DISK_FULL") throw;
    // Unlike a command that was refused: its steps were done.
    throw Error{Code::internal,
                no_room("the steps of the command were done, and what belongs to them could not be "
                        "noted")
                    .message()}
        .reason("DISK_FULL")
        .hint("make room on that disk, then run the command again");
  }
}

/// What went wrong, and what became of what ran before.
asio::awaitable<ActionError> Actions::failure_of(RunPointer run) {
  const auto& outcome = *run->outcome;
  const auto undo = run->spec.undo.empty() ? std::string{} : run->spec.undo.front().name;
  const auto folder = journal_.folder_of(run->id());
  auto tail = [folder, undo] { return last_output_lines(folder, undo); };
  StepFailure failure;
  failure.step = outcome.failed_step;
  failure.exit_code = outcome.exit_code;
  failure.problem = outcome.problem;
  failure.lines = co_await on_pool(pool_, std::move(tail));
  auto error = error_of(*run, failure);
  if (outcome.undone.empty() && !outcome.interrupted) co_return error;
  // What is only settled by somebody's word had not run here before.
  const bool is_new_here = !run->spec.settled_by.empty();
  std::string sentence = is_new_here ? "nothing of it runs here" : "what ran before runs again";
  if (outcome.undone.empty()) sentence = "nothing that runs was touched";
  if (outcome.undone == runner::undo_failed) {
    auto end = [folder, step = outcome.failed_undo] { return last_lines_of(folder, step); };
    StepFailure undoing;
    undoing.step = outcome.failed_undo;
    undoing.problem = outcome.undo_problem;
    if (undoing.problem.empty()) undoing.lines = co_await on_pool(pool_, std::move(end));
    const auto why = catalogue_.at(run->command.name).explain(undoing);
    sentence = is_new_here ? "what runs of it here could not be ended: "
                           : "what ran before could not be brought back: ";
    sentence += why.message();
  }
  auto whole = Error{error.code(), error.message() + "; " + sentence}
                   .reason(error.reason())
                   .hint(error.hint());
  co_return ActionError{std::move(whole), error.exit_code};
}

ActionError Actions::error_of(const Run& run, const StepFailure& failure) const {
  const auto& outcome = *run.outcome;
  if (outcome.cancelled) return {cancelled(), std::nullopt};
  if (outcome.timed_out) {
    auto error = Error{Code::deadline,
                       fmt::format("the command took longer than it may; it was ended in the step "
                                   "\"{}\"",
                                   outcome.failed_step)}
                     .reason("ACTION_DEADLINE");
    return {std::move(error), std::nullopt};
  }
  if (outcome.interrupted) {
    return {interrupted(fmt::format(
                "the command was cut off in the step \"{}\" (the host lost power, or somebody "
                "killed its process)",
                outcome.failed_step)),
            std::nullopt};
  }
  return failed_step(catalogue_.at(run.command.name).explain(failure), failure);
}

/// What is left to do after an undo does not change how the command ended.
asio::awaitable<void> Actions::without_failing(asio::awaitable<void> work) {
  try {
    co_await with_deadline(std::move(work), finishing_limit, "finishing the undo");
  } catch (const Error& error) {
    log::warn("actions", "restart policies could not be put right", {{"reason", error.what()}});
  }
}

void Actions::refuse_if_busy(const Run& run) const {
  const auto shares_lock = [&](const Run& other) {
    return std::any_of(run.spec.locks.begin(), run.spec.locks.end(), [&](const auto& lock) {
      const auto& held = other.spec.locks;
      return std::find(held.begin(), held.end(), lock) != held.end();
    });
  };
  for (const auto& [id, other] : runs_) {
    if (other.get() == &run || !other->planned || !shares_lock(*other)) continue;
    throw Error{Code::conflict,
                fmt::format("{} of {} is under way with the same project or unit (command {})",
                            other->command.name,
                            other->spec.service,
                            id)}
        .reason("BUSY")
        .hint("wait for its end, or cancel it");
  }
}

void Actions::announce(Run& run, Time began) {
  if (run.spec.is_bystander) return;
  run.announced = true;
  const auto& name = run.spec.acts_as.empty() ? run.command.name : run.spec.acts_as;
  callbacks_.on_service_command_started(run.id(), run.spec.service, name, began);
}

/// First said, then kept: who dies in between says it again, which nobody minds.
asio::awaitable<void> Actions::report(RunPointer run, protocol::CommandResult result) {
  if (!result.succeeded) {
    const auto undo = run->spec.undo.empty() ? std::string{} : run->spec.undo.front().name;
    auto tail = [folder = journal_.folder_of(run->id()), undo] {
      return last_output_lines(folder, undo);
    };
    result.last_lines = co_await on_pool(pool_, std::move(tail));
    result.last_lines.insert(
        result.last_lines.end(), run->last_words.begin(), run->last_words.end());
  }
  if (run->announced) {
    // One that is adopted may have ended long before anybody was there to see it.
    const auto ended = run->outcome ? from_unix_us(result.when.wall_us) : clock_.now();
    callbacks_.on_service_command_ended(run->id(), run->spec.service, result.succeeded, ended);
  }
  log::info(
      "actions",
      "command ended",
      {{"id", result.command_id}, {"succeeded", result.succeeded}, {"reason", result.reason}});
  run->result = result;
  callbacks_.on_result(result);
  run->planned = false;  // the next command for the project may come at once
  co_await results_.keep(std::move(result));
  runs_.erase(run->id());
}

protocol::CommandResult Actions::result_of(const Run& run) const {
  protocol::CommandResult result;
  result.command_id = run.id();
  result.when.boot_id = settings_.boot_id;
  result.when.uptime_ns = clock_.uptime().count();
  result.when.wall_us = to_unix_us(clock_.now());
  return result;
}

}  // namespace portoser::agent::actions
