#include "controller/deployment/sweep.h"

#include "common/describe_json.h"
#include "controller/deployment/service_actions.h"
#include "controller/history/history.h"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace portoser::deployment {
namespace {

std::string step_name(const Wave& wave) {
  return fmt::format("{}", fmt::join(wave, ", "));
}

}  // namespace

asio::awaitable<void> Sweep::begin(std::vector<PartResult> parts,
                                   const std::vector<Wave>& waves,
                                   const DependencyGraph& graph) {
  results_ = std::move(parts);
  std::vector<std::string> steps;
  for (const auto& wave : waves) steps.push_back(step_name(wave));
  co_await run_->keep_results(text_of(results_));
  run_->plan(steps);
  for (const auto& wave : waves) {
    if (run_->cancelled()) break;
    run_->step(step_name(wave));
    co_await handle(wave, graph);
    const bool has_failed = std::any_of(wave.begin(), wave.end(), [this](const auto& service) {
      return result_of(service).success == false;
    });
    if (has_failed && first_failed_step_.empty()) first_failed_step_ = step_name(wave);
  }
  conclude();
}

/// The jobs of the parts were taken up by themselves. What was not begun is not begun now: the
/// order it was part of is hours old, perhaps.
asio::awaitable<void> Sweep::resume() {
  results_ = results_of(run_->record());
  // They are taken up behind this one.
  co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
  for (auto& result : results_) {
    if (!result.success && !result.job_id.empty()) co_await await_end(result);
  }
  co_await run_->keep_results(text_of(results_));
  conclude();
}

PartResult& Sweep::result_of(const std::string& service) {
  return *std::find_if(results_.begin(), results_.end(), [&](const PartResult& result) {
    return result.service == service;
  });
}

asio::awaitable<void> Sweep::handle(const Wave& wave, const DependencyGraph& graph) {
  for (const auto& service : wave) {
    auto& result = result_of(service);
    if (const auto culprit = failed_need_of(result, graph)) {
      result.success = false;
      result.error = fmt::format("not begun: it needs \"{}\", which failed", *culprit);
      failed_.insert(service);
      continue;
    }
    co_await submit(result);
  }
  co_await run_->keep_results(text_of(results_));
  for (const auto& service : wave) {
    auto& result = result_of(service);
    if (result.success) continue;
    co_await await_end(result);
    if (!*result.success) failed_.insert(service);
  }
  co_await run_->keep_results(text_of(results_));
}

/// Whoever is stopped needs nobody any more.
std::optional<std::string> Sweep::failed_need_of(const PartResult& part,
                                                 const DependencyGraph& graph) const {
  if (part.action == enum_name(Action::stop)) return std::nullopt;
  for (const auto& needed : graph.with_required(part.service)) {
    if (failed_.contains(needed)) return needed;
  }
  return std::nullopt;
}

/// It may have been placed elsewhere since the job was asked for. One that is moved says itself
/// where it has to be.
void Sweep::require_placed(const PartResult& part) const {
  if (part.is_move()) return;
  const auto registry = registry_.snapshot()->registry;
  const auto* service = registry->find_service(part.service);
  if (service == nullptr || !service->current_host || *service->current_host == part.target) return;
  throw Error{Code::conflict,
              fmt::format("\"{}\" is on \"{}\" now, not on \"{}\"",
                          part.service,
                          *service->current_host,
                          part.target)}
      .reason("STALE_PLAN");
}

/// One that is refused holds up nobody: how it stands is not known here.
asio::awaitable<void> Sweep::submit(PartResult& result) {
  std::optional<Error> refusal;
  try {
    require_placed(result);
    auto beginning = begin_(result, run_->record().created_by, run_->record().id);
    const auto submitted = co_await std::move(beginning);
    result.job_id = submitted.id;
  } catch (const Error& error) {
    refusal = error;
  }
  if (!refusal) co_return;
  result.success = false;
  result.error = refusal->message();
  run_->log(fmt::format("{}: {}", result.service, refusal->message()));
}

asio::awaitable<void> Sweep::await_end(PartResult& result) {
  std::optional<Error> failure;
  try {
    const auto job = co_await jobs_.wait(result.job_id);
    result.success = job.state == "succeeded";
    result.deployment_id = history::History::id_of(job);
    if (result.is_move() && job.results != "[]") {
      from_json(Json::parse(job.results), result.routing, "routing");
    }
    if (!*result.success) {
      result.error = job.error_message.empty() ? job.state : job.error_message;
    }
    if (job.started_at && job.finished_at) {
      result.duration_ms =
          std::chrono::duration_cast<std::chrono::milliseconds>(*job.finished_at - *job.started_at)
              .count();
    }
  } catch (const Error& error) {
    failure = error;
  }
  if (failure) {
    // The controller stops; the next one resumes this.
    if (failure->reason() == "STOPPING") {
      throw boost::system::system_error{asio::error::operation_aborted};
    }
    result.success = false;
    result.error = failure->message();
  }
  run_->log(fmt::format("{}: {}", result.service, *result.success ? "done" : *result.error));
}

void Sweep::conclude() const {
  std::vector<std::string> failed;
  std::vector<std::string> not_begun;
  for (const auto& result : results_) {
    if (!result.success) {
      not_begun.push_back(result.service);
    } else if (!*result.success) {
      failed.push_back(result.service);
    }
  }
  if (run_->cancelled() && !(failed.empty() && not_begun.empty())) {
    throw Error{Code::conflict,
                not_begun.empty()
                    ? std::string{"cancelled"}
                    : fmt::format("cancelled; not begun: {}", fmt::join(not_begun, ", "))}
        .reason("ACTION_CANCELLED");
  }
  if (!not_begun.empty()) {
    throw Error{Code::unavailable,
                fmt::format("the controller was restarted meanwhile; not begun: {}",
                            fmt::join(not_begun, ", "))}
        .reason("ACTION_INTERRUPTED")
        .hint("see how they stand and ask again");
  }
  if (failed.empty()) return;
  throw Error{Code::bad_gateway,
              fmt::format("{} of {} services failed to {}: {}",
                          failed.size(),
                          results_.size(),
                          verb_,
                          fmt::join(failed, ", "))}
      .reason("SERVICES_FAILED")
      .hint(fmt::format("\"results\" of job {} says why", run_->record().id))
      .details({{"step", first_failed_step_}});
}

std::vector<PartResult> Sweep::results_of(const storage::JobRecord& job) {
  std::vector<PartResult> results;
  from_json(Json::parse(job.results), results, "results");
  return results;
}

std::string Sweep::text_of(const std::vector<PartResult>& results) {
  return dump(to_json(results));
}

std::optional<std::string> Sweep::first_deployment_of(const std::vector<PartResult>& results) {
  for (const auto& part : results) {
    if (part.deployment_id) return part.deployment_id;
  }
  return std::nullopt;
}

void Sweep::require_success(const storage::JobRecord& job) {
  if (job.state == "succeeded") return;
  std::vector<ErrorDetail> details{{"job_id", job.id}};
  for (const auto& result : results_of(job)) {
    if (result.success == false) details.push_back({result.service, result.error.value_or("")});
  }
  throw Error{code_from_string(job.error_code), job.error_message, "job"}
      .reason(job.error_reason)
      .hint(job.error_hint)
      .details(std::move(details));
}

}  // namespace portoser::deployment
