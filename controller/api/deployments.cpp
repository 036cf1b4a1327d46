#include "controller/api/deployments.h"

#include "controller/api/deployment_frames.h"
#include "controller/http/router.h"

#include <algorithm>
#include <utility>

namespace portoser::api {

void DeploymentsApi::add_to(http::Router& router) {
  router.add({.method = http::Method::post,
              .path = "/api/deployment/intelligent-execute",
              .summary = "Observe, diagnose, solve and deploy one service; answers at once, and "
                         "/api/deployment/ws/{deployment_id} tells how it goes on. An "
                         "Idempotency-Key makes a repeat harmless",
              .role = http::Role::deployer,
              .errors = {Code::invalid, Code::conflict, Code::unavailable}},
             *this,
             &DeploymentsApi::begin);
  router.add({.method = http::Method::post,
              .path = "/api/deployment/dry-run",
              .summary = "What deploying one service would find; nothing is changed",
              .errors = {Code::invalid, Code::conflict, Code::unavailable}},
             *this,
             &DeploymentsApi::dry_run);
  router.add({.path = "/api/deployment/{id}",
              .summary = "What became of a deployment, by its id or its job's",
              .errors = {Code::not_found, Code::unavailable}},
             *this,
             &DeploymentsApi::result);
  router.add({.path = "/api/deployment/{id}/phases",
              .summary = "How far a deployment is",
              .errors = {Code::not_found, Code::unavailable}},
             *this,
             &DeploymentsApi::phases);
}

asio::awaitable<AcceptedDeployment> DeploymentsApi::begin(http::Call<IntelligentRequest> call) {
  AcceptedDeployment answer;
  answer.service = call.body.service;
  answer.machine = call.body.machine;
  answer.dry_run = call.body.dry_run;
  for (const auto* name : deployment::Intelligent::phases) {
    answer.phases.emplace_back().name = name;
  }
  auto claim = Idempotency::claim_of(call.request());
  deployment::IntelligentWish wish;
  wish.service = std::move(call.body.service);
  wish.machine = std::move(call.body.machine);
  wish.auto_heal = call.body.auto_heal;
  wish.dry_run = call.body.dry_run;
  auto beginning = on_executor(core_, intelligent_.begin(std::move(wish), call.user().name));
  auto once = idempotency_.once(std::move(claim), std::move(beginning));
  const auto submitted = co_await std::move(once);
  auto finding = jobs_.find(submitted.id);
  const auto job = co_await on_executor(core_, std::move(finding));
  answer.deployment_id = deployment_id_of(job);
  co_return answer;
}

asio::awaitable<DeploymentResult> DeploymentsApi::dry_run(http::Call<DryRunRequest> call) {
  deployment::IntelligentWish wish;
  wish.service = std::move(call.body.service);
  wish.machine = std::move(call.body.machine);
  wish.dry_run = true;
  auto trying = try_out(std::move(wish), call.user().name);
  const auto story = co_await on_executor(core_, std::move(trying));
  co_return result_of(story);
}

/// On the core.
asio::awaitable<jobs::Story> DeploymentsApi::try_out(deployment::IntelligentWish wish,
                                                     std::string user) {
  auto beginning = intelligent_.begin(std::move(wish), std::move(user));
  const auto submitted = co_await std::move(beginning);
  auto waiting = jobs_.wait(submitted.id);
  co_await std::move(waiting);
  auto reading = stories_.story_of_job(submitted.id);
  co_return co_await std::move(reading);
}

asio::awaitable<DeploymentResult> DeploymentsApi::result_by_id(std::string id) {
  auto finding = stories_.find(std::move(id));
  const auto story = co_await on_executor(core_, std::move(finding));
  co_return result_of(story);
}

asio::awaitable<DeploymentResult> DeploymentsApi::result(http::Call<void> call) {
  return result_by_id(call.param("id"));
}

asio::awaitable<PhaseBreakdown> DeploymentsApi::phases(http::Call<void> call) {
  auto finding = result_by_id(call.param("id"));
  auto found = co_await std::move(finding);
  PhaseBreakdown breakdown;
  breakdown.deployment_id = std::move(found.deployment_id);
  breakdown.service = std::move(found.service);
  breakdown.machine = std::move(found.machine);
  for (const auto& phase : found.phases) {
    if (phase.status == "completed") ++breakdown.completed_phases;
    if (phase.status == "in_progress") breakdown.current_phase = phase.name;
  }
  breakdown.total_phases = static_cast<std::int64_t>(found.phases.size());
  breakdown.phases = std::move(found.phases);
  co_return breakdown;
}

}  // namespace portoser::api
