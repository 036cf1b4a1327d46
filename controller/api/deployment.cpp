#include "controller/api/deployment.h"

#include "common/describe_json.h"
#include "controller/api/deployment_answer.h"
#include "controller/http/router.h"

#include <utility>
#include <variant>

namespace portoser::api {

void DeploymentApi::add_to(http::Router& router) {
  router.add({.path = "/api/deployment/state",
              .summary = "Moves that are staged, what is under way, and what was done last",
              .errors = {Code::unavailable}},
             *this,
             &DeploymentApi::state);
  router.add({.method = http::Method::put,
              .path = "/api/deployment/state",
              .summary = "Stage moves, in place of those that are staged; nothing is done",
              .role = http::Role::deployer,
              .errors = {Code::invalid, Code::unavailable}},
             *this,
             &DeploymentApi::stage);
  router.add({.method = http::Method::delete_,
              .path = "/api/deployment/state",
              .summary = "Forget the moves that are staged",
              .role = http::Role::deployer,
              .errors = {Code::unavailable}},
             *this,
             &DeploymentApi::clear);
  router.add({.method = http::Method::post,
              .path = "/api/deployment/plan",
              .summary = "What moves would do, and what stands against them; nothing is done",
              .errors = {Code::invalid, Code::unavailable}},
             *this,
             &DeploymentApi::plan);
  auto route =
      job_route("/api/deployment/execute",
                "Carry out moves, or those that are staged: services go to other hosts with "
                "their data; those that are where they shall be are restarted, or started. An "
                "Idempotency-Key makes a repeat harmless");
  route.role = http::Role::deployer;
  router.add<std::variant<DeploymentAnswer, deployment::Plan>>(
      std::move(route), *this, &DeploymentApi::execute);
}

asio::awaitable<deployment::DeploymentState> DeploymentApi::state_now() {
  auto looking = states_.now();
  co_return co_await on_executor(core_, std::move(looking));
}

asio::awaitable<deployment::DeploymentState> DeploymentApi::state(http::Call<void> /*call*/) {
  return state_now();
}

asio::awaitable<deployment::DeploymentState> DeploymentApi::stage(http::Call<StagingRequest> call) {
  if (!call.body.moves) {
    throw Error{Code::invalid, "the moves are missing", "body.moves"}.hint(
        "an empty list, or DELETE, forgets those that are staged");
  }
  auto staging = pending_.replace(std::move(*call.body.moves), call.user().name);
  co_await std::move(staging);
  auto looking = state_now();
  co_return co_await std::move(looking);
}

asio::awaitable<deployment::DeploymentState> DeploymentApi::clear(http::Call<void> /*call*/) {
  auto clearing = pending_.clear();
  co_await std::move(clearing);
  auto looking = state_now();
  co_return co_await std::move(looking);
}

asio::awaitable<deployment::Plan> DeploymentApi::plan(http::Call<MovesRequest> call) {
  auto planning = plan_of(std::move(call.body.moves));
  co_return co_await on_executor(core_, std::move(planning));
}

/// On the core.
asio::awaitable<deployment::Plan> DeploymentApi::plan_of(std::vector<deployment::Move> moves) {
  auto choosing = batches_.given_or_staged(std::move(moves));
  auto chosen = co_await std::move(choosing);
  auto planning = planner_.plan(std::move(chosen));
  co_return co_await std::move(planning);
}

/// On the core.
asio::awaitable<jobs::Submitted> DeploymentApi::begin(std::vector<deployment::Move> moves,
                                                      std::string user) {
  std::optional<Error> refusal;
  try {
    auto beginning = batches_.begin(std::move(moves), std::move(user));
    co_return co_await std::move(beginning);
  } catch (const Error& error) {
    refusal = error;
  }
  socket_.tell_refused(*refusal);
  throw Error{*refusal};
}

asio::awaitable<http::Response> DeploymentApi::execute(http::Call<MovesRequest> call) {
  if (call.body.dry_run.value_or(false)) {
    auto planning = plan_of(std::move(call.body.moves));
    const auto plan = co_await on_executor(core_, std::move(planning));
    co_return http::json_response(dump(to_json(plan)));
  }
  auto claim = Idempotency::claim_of(call.request());
  auto beginning = on_executor(core_, begin(std::move(call.body.moves), call.user().name));
  auto once = idempotency_.once(std::move(claim), std::move(beginning));
  const auto submitted = co_await std::move(once);
  auto answering = deployment_answer(jobs_, core_, call.request(), clock_, submitted.id);
  co_return co_await std::move(answering);
}

}  // namespace portoser::api
