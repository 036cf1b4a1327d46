#include "controller/api/moves.h"

#include "controller/api/deployment_answer.h"
#include "controller/http/router.h"

#include <utility>

namespace portoser::api {

void MovesApi::add_to(http::Router& router) {
  router.add({.path = "/api/deployment/moves",
              .summary = "Moves between hosts, newest first: how far each came, what is kept where "
                         "the service was, and what is left to be done",
              .errors = {Code::unavailable},
              .query = {{"service", "only of this service"}}},
             *this,
             &MovesApi::list);
  router.add({.method = http::Method::post,
              .path = "/api/deployment/moves/{id}/finalize",
              .summary = "Remove the data that is kept where the service was before the move",
              .role = http::Role::deployer,
              .errors = {Code::not_found, Code::conflict, Code::unavailable, Code::bad_gateway}},
             *this,
             &MovesApi::finalize);
  auto route =
      job_route("/api/deployment/moves/{id}/undo",
                "Move the service back to where it was before, with its data as it is now");
  route.role = http::Role::deployer;
  router.add<DeploymentAnswer>(std::move(route), *this, &MovesApi::undo);
}

asio::awaitable<MoveList> MovesApi::list(http::Call<void> call) {
  auto listing = mover_.list(call.query("service"));
  MoveList list;
  list.moves = co_await on_executor(core_, std::move(listing));
  co_return list;
}

asio::awaitable<deployment::MoveRow> MovesApi::finalize(http::Call<void> call) {
  auto finalizing = mover_.finalize(call.param("id"));
  co_return co_await on_executor(core_, std::move(finalizing));
}

/// On the core.
asio::awaitable<jobs::Submitted> MovesApi::begin_undo(std::string id, std::string user) {
  auto asking = mover_.way_back(std::move(id));
  auto move = co_await std::move(asking);
  std::vector<deployment::Move> moves;
  moves.push_back(std::move(move));
  auto beginning = batches_.begin(std::move(moves), std::move(user));
  co_return co_await std::move(beginning);
}

asio::awaitable<http::Response> MovesApi::undo(http::Call<void> call) {
  auto beginning = begin_undo(call.param("id"), call.user().name);
  const auto submitted = co_await on_executor(core_, std::move(beginning));
  auto answering = deployment_answer(jobs_, core_, call.request(), clock_, submitted.id);
  co_return co_await std::move(answering);
}

}  // namespace portoser::api
