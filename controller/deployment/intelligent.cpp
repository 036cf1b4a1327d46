#include "controller/deployment/intelligent.h"

#include "common/describe_json.h"
#include "common/json_members.h"
#include "controller/deployment/service_actions.h"
#include "controller/deployment/sweep.h"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace portoser::deployment {
namespace {

Subject subject_of(const storage::JobRecord& job) {
  return {job.service, job.host};
}

void tell(jobs::Run& run, const Observation& observation) {
  Json frame{{"type", "observation"}};
  frame.update(to_json(observation));
  run.tell(dump(frame));
}

void tell(jobs::Run& run, const Problem& problem) {
  Json frame{{"type", "problem_detected"},
             {"name", problem.name},
             {"severity", problem.severity},
             {"description", problem.description},
             {"rootCause", problem.root_cause},
             {"recommendedSolution", problem.recommended_solution},
             {"autoFixAvailable", problem.solution.has_value()}};
  run.tell(dump(frame));
}

/// The controller stops; the next one goes on with it.
void leave_when_stopping(const Error& error) {
  if (error.reason() == "STOPPING") {
    throw boost::system::system_error{asio::error::operation_aborted};
  }
}

void require_wanted(const jobs::Run& run) {
  if (!run.cancelled()) return;
  throw Error{Code::conflict, "cancelled before the service was touched"}.reason(
      "ACTION_CANCELLED");
}

/// As `ServiceActions::require_success`, but for the step: it is none of ours.
void require_part(const storage::JobRecord& part) {
  std::optional<Error> failure;
  try {
    ServiceActions::require_success(part);
  } catch (const Error& error) {
    failure = error;
  }
  if (!failure) return;
  auto details = failure->details();
  std::erase_if(details, [](const auto& detail) { return detail.where == "step"; });
  throw Error{failure->code(), failure->message(), failure->where()}
      .reason(failure->reason())
      .hint(failure->hint())
      .details(std::move(details));
}

/// A name that is not known is a mistake of the body here.
void require_known(const registry::Registry& registry, const IntelligentWish& wish) {
  std::optional<Error> unknown;
  try {
    static_cast<void>(registry.require_service(wish.service, "body.service"));
    static_cast<void>(registry.require_host(wish.machine, "body.machine"));
  } catch (const Error& error) {
    unknown = error;
  }
  if (!unknown) return;
  throw Error{Code::invalid, unknown->message(), unknown->where()}
      .reason(unknown->reason())
      .hint(unknown->hint());
}

}  // namespace

Intelligent::Intelligent(registry::RegistryWatch& registry,
                         jobs::Jobs& jobs,
                         Batches& batches,
                         Recording& recording,
                         Observers& observers)
    : registry_(registry), jobs_(jobs), batches_(batches), observers_(observers) {
  recorded_ =
      recording.of(kind, [this](std::shared_ptr<jobs::Run> run) { return work(std::move(run)); });
  jobs_.add_kind(kind,
                 [this](std::shared_ptr<jobs::Run> run) { return carry_out(std::move(run)); });
}

asio::awaitable<jobs::Submitted> Intelligent::begin(IntelligentWish wish, std::string user) {
  const auto registry = registry_.snapshot()->registry;
  require_known(*registry, wish);
  jobs::Request request;
  request.kind = kind;
  request.service = wish.service;
  request.host = wish.machine;
  request.created_by = std::move(user);
  request.details = dump(Json{{"auto_heal", wish.auto_heal}, {"dry_run", wish.dry_run}});
  auto submitting = jobs_.submit(std::move(request));
  co_return co_await std::move(submitting);
}

IntelligentWish Intelligent::wish_of(const storage::JobRecord& job) {
  const auto request = parsed_or_null(job.request);
  IntelligentWish wish;
  wish.service = job.service;
  wish.machine = job.host;
  wish.auto_heal = member_or_null(request, "auto_heal") == Json(true);
  wish.dry_run = member_or_null(request, "dry_run") == Json(true);
  return wish;
}

/// What changes nothing stands in nobody's way, and is no deployment of the history.
asio::awaitable<void> Intelligent::carry_out(std::shared_ptr<jobs::Run> run) {
  if (!wish_of(run->record()).dry_run) return recorded_(std::move(run));
  jobs_.hand_over(run->record().id);
  return work(std::move(run));
}

asio::awaitable<void> Intelligent::work(std::shared_ptr<jobs::Run> run) {
  if (run->resumed) {
    auto resuming = resume(run);
    co_await std::move(resuming);
    co_return;
  }
  const bool is_dry = wish_of(run->record()).dry_run;
  run->plan({phases.begin(), phases.end() - (is_dry ? 1 : 0)});
  auto looking = look(run);
  auto problems = co_await std::move(looking);
  require_wanted(*run);
  auto solving = solve_all(run, std::move(problems));
  co_await std::move(solving);
  require_wanted(*run);
  if (is_dry) {
    run->log("dry run: nothing was changed");
    co_return;
  }
  auto deploying = deploy(run);
  co_await std::move(deploying);
}

/// Observes and diagnoses.
asio::awaitable<std::vector<Problem>> Intelligent::look(std::shared_ptr<jobs::Run> run) {
  run->step(phases[0]);
  auto observing = observers_.observe(subject_of(run->record()));
  const auto observed = co_await std::move(observing);
  for (const auto& observation : observed.observations) tell(*run, observation);
  require_wanted(*run);
  run->step(phases[1]);
  auto problems = observers_.diagnose(observed);
  for (const auto& problem : problems) tell(*run, problem);
  run->log(fmt::format("{} problem{} found", problems.size(), problems.size() == 1 ? "" : "s"));
  co_return problems;
}

asio::awaitable<void> Intelligent::solve_all(std::shared_ptr<jobs::Run> run,
                                             std::vector<Problem> problems) {
  run->step(phases[2]);
  const auto wish = wish_of(run->record());
  std::erase_if(problems, [](const auto& problem) { return !problem.solution; });
  if (problems.empty()) {
    run->log("there is nothing that the controller solves by itself");
    co_return;
  }
  for (auto& problem : problems) {
    if (run->cancelled()) break;
    auto& solution = *problem.solution;
    if (!wish.auto_heal) {
      run->log(fmt::format("not done, as auto_heal is off: {}", solution.name));
    } else if (wish.dry_run) {
      run->log(fmt::format("dry run: it would {}", solution.name));
    } else {
      auto solving = solve(run, std::move(solution));
      co_await std::move(solving);
    }
  }
}

/// One that does not work is told; whether the service can be deployed all the same is found when
/// it is.
asio::awaitable<void> Intelligent::solve(std::shared_ptr<jobs::Run> run, Solution solution) {
  const auto name = solution.name;
  run->tell(
      dump(Json{{"type", "solution_started"}, {"name", name}, {"steps", to_json(solution.steps)}}));
  run->tell(dump(Json{{"type", "solution_progress"}, {"name", name}, {"currentStep", 0}}));
  std::optional<Error> failure;
  try {
    auto solving = observers_.solve(std::move(solution), run);
    co_await std::move(solving);
  } catch (const Error& error) {
    failure = error;
  }
  if (!failure) {
    run->tell(dump(Json{{"type", "solution_completed"}, {"name", name}}));
    co_return;
  }
  leave_when_stopping(*failure);
  run->tell(dump(Json{{"type", "solution_failed"}, {"name", name}, {"error", failure->message()}}));
}

asio::awaitable<void> Intelligent::deploy(std::shared_ptr<jobs::Run> run) {
  run->step(phases[3]);
  const auto id = run->record().id;
  Move move;
  move.service_name = run->record().service;
  move.to_machine = run->record().host;
  PartResult part;
  part.service = move.service_name;
  part.target = move.to_machine;
  part.action = kind;
  std::vector<Move> moves;
  moves.push_back(std::move(move));
  // The service belongs to the jobs of the batch from here on.
  jobs_.hand_over(id);
  auto beginning = batches_.begin(std::move(moves), run->record().created_by);
  const auto batch = co_await std::move(beginning);
  // One that others began is not ours to cancel.
  if (!batch.joined) run->began(batch.id);
  const Following following{followed_, batch.id};
  followed_[batch.id].run = run;
  part.job_id = batch.id;
  std::vector<PartResult> parts;
  parts.push_back(std::move(part));
  auto keeping = run->keep_results(Sweep::text_of(parts));
  co_await std::move(keeping);
  if (run->cancelled() && !batch.joined) {
    auto cancelling = jobs_.cancel(batch.id);
    co_await std::move(cancelling);
  }
  auto waiting = await_batch(run, batch.id);
  co_await std::move(waiting);
}

/// The batch is taken up by itself. What had not come to it changed nothing of the service.
asio::awaitable<void> Intelligent::resume(std::shared_ptr<jobs::Run> run) {
  const auto parts = Sweep::results_of(run->record());
  if (parts.empty()) {
    throw Error{Code::unavailable,
                "the controller was restarted before it was known that the service was touched"}
        .reason("ACTION_INTERRUPTED")
        .hint("see how it stands and ask again");
  }
  const auto batch = parts.front().job_id;
  jobs_.hand_over(run->record().id);
  run->began(batch);
  const Following following{followed_, batch};
  followed_[batch].run = run;
  // It is taken up behind this one.
  co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
  auto waiting = await_batch(run, batch);
  co_await std::move(waiting);
}

asio::awaitable<void> Intelligent::await_batch(std::shared_ptr<jobs::Run> run, std::string batch) {
  std::exception_ptr failure;
  try {
    auto waiting = jobs_.wait(batch);
    auto ended = co_await std::move(waiting);
    auto checking = require_success(std::move(ended));
    co_await std::move(checking);
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const Error& error) {
      leave_when_stopping(error);
      throw;
    }
  }
  tell(*run, observers_.verify(subject_of(run->record())));
}

/// The part says better than the batch why it failed.
asio::awaitable<void> Intelligent::require_success(storage::JobRecord batch) {
  if (batch.state == "succeeded") co_return;
  for (const auto& part : Sweep::results_of(batch)) {
    if (part.success.value_or(true)) continue;
    if (!part.job_id.empty()) {
      auto finding = jobs_.find(part.job_id);
      const auto job = co_await std::move(finding);
      require_part(job);
    }
    throw Error{code_from_string(batch.error_code), part.error.value_or(batch.error_message)}
        .reason(batch.error_reason)
        .hint(batch.error_hint);
  }
  Sweep::require_success(batch);
}

/// The step of the job, if it has failed; else null.
const storage::JobStep* Intelligent::failed_step(const storage::JobRecord& job,
                                                 const std::string& name) {
  for (const auto& step : job.steps) {
    if (step.name == name && step.state == "failed") return &step;
  }
  return nullptr;
}

Intelligent::Followed* Intelligent::followed_by(const storage::JobRecord& job) {
  auto found = followed_.find(job.id);
  if (found == followed_.end()) found = followed_.find(job.parent);
  return found == followed_.end() ? nullptr : &found->second;
}

void Intelligent::job_log(const storage::JobRecord& job, const storage::JobLogLine& line) {
  auto* followed = followed_by(job);
  if (followed == nullptr) return;
  followed->line = line.text;
  followed->run->log(line.text);
}

/// The steps of the batch itself are the names of services.
void Intelligent::job_step(const storage::JobRecord& job) {
  auto* followed = followed_by(job);
  if (followed == nullptr || job.parent.empty()) return;
  Observation observation;
  if (!followed->step.empty()) {
    observation.name = followed->step;
    // A job that leads back goes on behind what failed.
    const auto* failed = failed_step(job, followed->step);
    observation.status = failed == nullptr ? "success" : "failed";
    observation.message = failed != nullptr        ? failed->message
                          : followed->line.empty() ? std::string{"done"}
                                                   : followed->line;
    tell(*followed->run, observation);
  }
  followed->step = job.step;
  followed->line.clear();
  observation.name = job.step;
  observation.status = "pending";
  observation.message = "begun";
  tell(*followed->run, observation);
}

void Intelligent::job_finished(const storage::JobRecord& job) {
  auto* followed = followed_by(job);
  if (followed == nullptr || job.parent.empty() || followed->step.empty()) return;
  Observation observation;
  observation.name = followed->step;
  const auto* failed = failed_step(job, followed->step);
  observation.status = failed == nullptr ? "success" : "failed";
  observation.message = failed == nullptr ? "done" : failed->message;
  observation.details["job_id"] = job.id;
  tell(*followed->run, observation);
  followed->step.clear();
}

}  // namespace portoser::deployment
