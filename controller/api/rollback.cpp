#include "controller/api/rollback.h"

#include "controller/api/job_answer.h"
#include "controller/deployment/service_actions.h"
#include "controller/history/history.h"
#include "controller/http/router.h"

#include <utility>

namespace portoser::api {
namespace {

struct RollbackAnswer {
  bool success = true;
  std::string deployment_id;
  std::optional<std::string> rollback_deployment_id;  ///< its own record; null: a dry run
  std::string message;
  std::optional<std::string> error;
  std::string job_id;  ///< empty: a dry run
  std::string state;
  std::optional<deployment::RollbackPreview> preview;  ///< of a dry run
};
BOOST_DESCRIBE_STRUCT(
    RollbackAnswer,
    (),
    (success, deployment_id, rollback_deployment_id, message, error, job_id, state, preview))

}  // namespace

void RollbackApi::add_to(http::Router& router) {
  router.add<deployment::RollbackPreview>(
      {.path = "/api/history/rollback/{id}/preview",
       .summary = "What going back to a deployment would change, and whether it is safe",
       .errors = {Code::not_found, Code::unavailable}},
      *this,
      &RollbackApi::preview);
  for (const auto* path : {"/api/history/rollback/{id}", "/api/history/rollback/{id}/execute"}) {
    auto route =
        job_route(path, "Go back to a deployment; with dry_run only show what would change");
    route.errors.push_back(Code::bad_request);
    route.role = http::Role::deployer;
    router.add<RollbackAnswer>(std::move(route), *this, &RollbackApi::execute);
  }
}

asio::awaitable<http::Response> RollbackApi::preview(http::Call<void> call) {
  auto looking = rollback_.preview(call.param("id"));
  auto preview = co_await on_executor(core_, std::move(looking));
  if (!call.user().has(http::Role::admin)) preview.compose_difference.clear();
  co_return http::json_response(dump(to_json(preview)));
}

asio::awaitable<http::Response> RollbackApi::execute(http::Call<RollbackRequest> call) {
  RollbackAnswer answer;
  answer.deployment_id = call.param("id");
  if (call.body.dry_run) {
    auto looking = rollback_.preview(answer.deployment_id);
    answer.preview = co_await on_executor(core_, std::move(looking));
    if (!call.user().has(http::Role::admin)) answer.preview->compose_difference.clear();
    answer.success = answer.preview->safe_to_rollback;
    answer.message = answer.success ? "it is safe" : answer.preview->reasons.front();
    co_return http::json_response(dump(to_json(answer)));
  }
  if (!call.body.confirm) {
    throw Error{Code::bad_request, "a rollback has to be confirmed", "body.confirm"}
        .reason("CONFIRM_REQUIRED")
        .hint("send {\"confirm\": true}, or {\"dry_run\": true} to see what would change");
  }
  auto beginning =
      rollback_.begin(answer.deployment_id, call.user().name, std::move(call.body.why));
  const auto submitted = co_await on_executor(core_, std::move(beginning));
  answer.job_id = submitted.id;
  answer.message = "it is under way";
  co_return co_await job_answer(jobs_,
                                core_,
                                call.request(),
                                std::move(answer),
                                [](const storage::JobRecord& job, RollbackAnswer& filled) {
                                  deployment::ServiceActions::require_success(job);
                                  filled.rollback_deployment_id = history::History::id_of(job);
                                  filled.message = "\"" + job.service + "\" is as it was in " +
                                                   filled.deployment_id;
                                });
}

}  // namespace portoser::api
