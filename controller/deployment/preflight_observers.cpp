#include "controller/deployment/preflight_observers.h"

#include "controller/telemetry/service_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace portoser::deployment {
namespace {

Observation observation_of(const protocol::Finding& finding) {
  Observation made;
  made.name = finding.check;
  made.status = finding.severity == "info" ? "success" : "failed";
  made.message = finding.message;
  made.details["severity"] = finding.severity;
  for (const auto& [key, value] : {std::pair{"reason", &finding.reason},
                                   std::pair{"subject", &finding.subject},
                                   std::pair{"hint", &finding.hint}}) {
    if (!value->empty()) made.details[key] = *value;
  }
  return made;
}

}  // namespace

asio::awaitable<Observed> PreflightObservers::observe(Subject subject) {
  Observed observed;
  const auto registry = registry_.snapshot()->registry;
  const auto* service = registry->find_service(subject.service);
  observed.observations.push_back(host_of(subject));
  observed.observations.push_back(
      service_on(subject.service, service != nullptr ? service->current_host : std::nullopt));
  auto looking = report_of(std::move(subject));
  auto report = co_await std::move(looking);
  for (const auto& check : report.checks) {
    // That of the host stands above.
    const bool has_found =
        check == "host" || std::any_of(report.findings.begin(),
                                       report.findings.end(),
                                       [&](const auto& finding) { return finding.check == check; });
    if (has_found) continue;
    Observation good;
    good.name = check;
    good.status = "success";
    good.message = "nothing stands against it";
    observed.observations.push_back(std::move(good));
  }
  for (const auto& finding : report.findings) {
    observed.observations.push_back(observation_of(finding));
  }
  observed.findings = std::move(report.findings);
  co_return observed;
}

/// Of what would be done: a restart or a start where it is, else the move.
asio::awaitable<protocol::PreflightReport> PreflightObservers::report_of(Subject subject) {
  const auto registry = registry_.snapshot()->registry;
  const auto* service = registry->find_service(subject.service);
  if (service != nullptr && service->current_host == subject.machine) {
    PreflightWish wish;
    wish.service = subject.service;
    wish.action = is_stopped(subject.service) ? "up" : "restart";
    auto looking = preflight_.look(std::move(wish));
    co_return co_await std::move(looking);
  }
  Move move;
  move.service_name = subject.service;
  move.to_machine = subject.machine;
  std::vector<Move> moves;
  moves.push_back(std::move(move));
  auto planning = planner_.plan(std::move(moves));
  auto plan = co_await std::move(planning);
  protocol::PreflightReport report;
  report.checks.emplace_back("move");
  report.findings = std::move(plan.plan.at(0).findings);
  co_return report;
}

Observation PreflightObservers::host_of(const Subject& subject) const {
  Observation made;
  made.name = "host";
  try {
    fleet_.require_online(subject.machine);
    made.status = "success";
    made.message = fmt::format("\"{}\" is online", subject.machine);
  } catch (const Error& error) {
    made.status = "failed";
    made.message = error.message();
    made.details["reason"] = error.reason();
  }
  return made;
}

Observation PreflightObservers::service_on(const std::string& name,
                                           const std::optional<std::string>& machine) const {
  Observation made;
  made.name = "service";
  const auto registry = registry_.snapshot()->registry;
  const auto* service = registry->find_service(name);
  if (service == nullptr || !machine) {
    made.status = "pending";
    made.message = fmt::format("\"{}\" is on no host", name);
    return made;
  }
  const auto host = live_.host(*machine);
  const auto found = telemetry::status_of(*service, host.get());
  made.message = fmt::format("\"{}\" on \"{}\" is {}", name, *machine, found.status);
  if (!found.reason.empty()) made.message += ": " + found.reason;
  made.details["status"] = found.status;
  made.details["health"] = found.health;
  if (found.status == "unknown") {
    made.status = "pending";
  } else {
    const bool is_well = found.status == "running" && found.health != "unhealthy";
    made.status = is_well ? "success" : "failed";
  }
  return made;
}

bool PreflightObservers::is_stopped(const std::string& name) const {
  const auto registry = registry_.snapshot()->registry;
  const auto* service = registry->find_service(name);
  if (service == nullptr || !service->current_host) return false;
  const auto host = live_.host(*service->current_host);
  return telemetry::status_of(*service, host.get()).status == "stopped";
}

std::vector<Problem> PreflightObservers::diagnose(const Observed& observed) const {
  std::vector<Problem> problems;
  for (const auto& finding : observed.findings) {
    if (finding.severity == "info") continue;
    Problem problem;
    problem.name = finding.reason;
    problem.severity = is_error(finding) ? "high" : "medium";
    problem.description = finding.message;
    problem.root_cause =
        finding.subject.empty() ? finding.check : finding.check + ": " + finding.subject;
    problem.recommended_solution = finding.hint;
    problem.solution = solution_of(finding);
    problems.push_back(std::move(problem));
  }
  return problems;
}

/// One that is unknown may be running, or its host away: there is nothing to start.
std::optional<Solution> PreflightObservers::solution_of(const protocol::Finding& finding) const {
  if (finding.reason != "DEPENDENCY_DOWN" || !is_stopped(finding.subject)) return std::nullopt;
  const auto registry = registry_.snapshot()->registry;
  const auto& host = registry->find_service(finding.subject)->current_host;
  Solution solution;
  solution.name = fmt::format("start \"{}\"", finding.subject);
  solution.steps.push_back(
      fmt::format("start \"{}\" on {}, as its entry in the registry says", finding.subject, *host));
  solution.service = finding.subject;
  return solution;
}

asio::awaitable<void> PreflightObservers::solve(Solution solution, std::shared_ptr<jobs::Run> run) {
  const auto& job = run->record();
  auto beginning =
      actions_.begin(Action::start, std::move(solution.service), job.created_by, job.id);
  const auto submitted = co_await std::move(beginning);
  auto waiting = jobs_.wait(submitted.id);
  const auto ended = co_await std::move(waiting);
  ServiceActions::require_success(ended);
}

Observation PreflightObservers::verify(const Subject& subject) const {
  return service_on(subject.service, subject.machine);
}

}  // namespace portoser::deployment
