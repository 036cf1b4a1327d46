#include "controller/deployment/host_actions.h"

#include "common/describe_json.h"
#include "controller/deployment/dependencies.h"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace portoser::deployment {
namespace {

std::string kind_of(Action action) {
  return std::string{enum_name(action)} + "_host";
}

std::vector<Wave> waves_on(const registry::Registry& registry,
                           const DependencyGraph& graph,
                           Action action,
                           const std::string& host) {
  std::vector<std::string> names;
  for (const auto* service : registry.services_on(host)) names.push_back(service->name);
  auto waves = graph.waves(names);
  // Who needs another stops before it.
  if (action == Action::stop) std::reverse(waves.begin(), waves.end());
  return waves;
}

std::string step_name(const Wave& wave) {
  return fmt::format("{}", fmt::join(wave, ", "));
}

std::string results_text(const std::vector<PartResult>& results) {
  return dump(to_json(results));
}

}  // namespace

/// One job while it runs.
class HostActions::Sweep {
 public:
  Sweep(HostActions& rooms, Action action, std::shared_ptr<jobs::Run> run)
      : rooms_(rooms), action_(action), run_(std::move(run)) {}

  asio::awaitable<void> begin() {
    const auto registry = rooms_.registry_.snapshot()->registry;
    const DependencyGraph graph{*registry};
    const auto waves = waves_on(*registry, graph, action_, run_->record().host);
    std::vector<std::string> steps;
    for (const auto& wave : waves) {
      steps.push_back(step_name(wave));
      for (const auto& service : wave) {
        auto& result = results_.emplace_back();
        result.service = service;
        result.target = run_->record().host;
        result.action = enum_name(action_);
      }
    }
    co_await run_->keep_results(results_text(results_));
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
  asio::awaitable<void> resume() {
    results_ = results_of(run_->record());
    // They are taken up behind this one.
    co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
    for (auto& result : results_) {
      if (!result.success && !result.job_id.empty()) co_await await_end(result);
    }
    co_await run_->keep_results(results_text(results_));
    conclude();
  }

 private:
  PartResult& result_of(const std::string& service) {
    return *std::find_if(results_.begin(), results_.end(), [&](const PartResult& result) {
      return result.service == service;
    });
  }

  asio::awaitable<void> handle(const Wave& wave, const DependencyGraph& graph) {
    for (const auto& service : wave) {
      auto& result = result_of(service);
      if (const auto culprit = failed_need_of(service, graph)) {
        result.success = false;
        result.error = fmt::format("not begun: it needs \"{}\", which failed", *culprit);
        failed_.insert(service);
        continue;
      }
      co_await submit(result);
    }
    co_await run_->keep_results(results_text(results_));
    for (const auto& service : wave) {
      auto& result = result_of(service);
      if (result.success) continue;
      co_await await_end(result);
      if (!*result.success) failed_.insert(service);
    }
    co_await run_->keep_results(results_text(results_));
  }

  /// Whoever is stopped needs nobody any more.
  [[nodiscard]] std::optional<std::string> failed_need_of(const std::string& service,
                                                          const DependencyGraph& graph) const {
    if (action_ == Action::stop) return std::nullopt;
    for (const auto& needed : graph.with_needed(service)) {
      if (failed_.contains(needed)) return needed;
    }
    return std::nullopt;
  }

  /// One that is refused holds up nobody: how it stands is not known here.
  asio::awaitable<void> submit(PartResult& result) {
    std::optional<Error> refusal;
    try {
      const auto submitted = co_await rooms_.actions_.begin(
          action_, result.service, run_->record().created_by, run_->record().id);
      result.job_id = submitted.id;
    } catch (const Error& error) {
      refusal = error;
    }
    if (!refusal) co_return;
    result.success = false;
    result.error = refusal->message();
    run_->log(fmt::format("{}: {}", result.service, refusal->message()));
  }

  asio::awaitable<void> await_end(PartResult& result) {
    std::optional<Error> failure;
    try {
      const auto job = co_await rooms_.jobs_.wait(result.job_id);
      result.success = job.state == "succeeded";
      if (!*result.success) {
        result.error = job.error_message.empty() ? job.state : job.error_message;
      }
      if (job.started_at && job.finished_at) {
        result.duration_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                                 *job.finished_at - *job.started_at)
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

  void conclude() const {
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
                            enum_name(action_),
                            fmt::join(failed, ", "))}
        .reason("SERVICES_FAILED")
        .hint(fmt::format("\"results\" of job {} says why", run_->record().id))
        .details({{"step", first_failed_step_}});
  }

  HostActions& rooms_;
  const Action action_;
  const std::shared_ptr<jobs::Run> run_;
  std::vector<PartResult> results_;  ///< in the order in which they are handled
  std::set<std::string> failed_;     ///< those that others may need
  std::string first_failed_step_;
};

HostActions::HostActions(registry::RegistryWatch& registry,
                         fleet::Fleet& fleet,
                         jobs::Jobs& jobs,
                         ServiceActions& actions)
    : registry_(registry), fleet_(fleet), jobs_(jobs), actions_(actions) {
  for (const auto action : {Action::start, Action::stop, Action::restart}) {
    jobs_.add_kind(kind_of(action), [this, action](std::shared_ptr<jobs::Run> run) {
      return carry_out(action, std::move(run));
    });
  }
}

asio::awaitable<jobs::Submitted> HostActions::begin(Action action,
                                                    std::string host,
                                                    std::string user) {
  const auto registry = registry_.snapshot()->registry;
  static_cast<void>(registry->require_host(host, "path.machine"));
  waves_on(*registry, DependencyGraph{*registry}, action, host);
  if (!registry->services_on(host).empty()) fleet_.require_online(host);
  jobs::Request request;
  request.kind = kind_of(action);
  request.host = std::move(host);
  request.created_by = std::move(user);
  co_return co_await jobs_.submit(std::move(request));
}

asio::awaitable<void> HostActions::carry_out(Action action, std::shared_ptr<jobs::Run> run) {
  Sweep sweep{*this, action, run};
  if (run->resumed) {
    co_await sweep.resume();
  } else {
    co_await sweep.begin();
  }
}

void HostActions::require_success(const storage::JobRecord& job) {
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

std::vector<PartResult> HostActions::results_of(const storage::JobRecord& job) {
  std::vector<PartResult> results;
  from_json(Json::parse(job.results), results, "results");
  return results;
}

}  // namespace portoser::deployment
