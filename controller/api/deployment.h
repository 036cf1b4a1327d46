/// /api/deployment: moves of services, staged, planned and carried out.
#pragma once

#include "common/clock.h"
#include "common/describe.h"
#include "common/tasks.h"
#include "controller/api/deployment_socket.h"
#include "controller/api/idempotency.h"
#include "controller/deployment/batches.h"
#include "controller/deployment/deployment_state.h"
#include "controller/deployment/pending_moves.h"
#include "controller/deployment/planner.h"
#include "controller/http/call.h"
#include "controller/http/response.h"
#include "controller/jobs/jobs.h"

#include <optional>
#include <string>
#include <vector>

namespace portoser::http {
class Router;
}

namespace portoser::api {

struct StagingRequest {
  std::optional<std::vector<deployment::Move>> moves;
};
BOOST_DESCRIBE_STRUCT(StagingRequest, (), (moves))

struct MovesRequest {
  std::vector<deployment::Move> moves;  ///< none: those that are staged
  std::optional<bool> dry_run;          ///< true: nothing is done
};
BOOST_DESCRIBE_STRUCT(MovesRequest, (), (moves, dry_run))

class DeploymentApi {
 public:
  /// `core`: the executor of fleet and jobs.
  DeploymentApi(deployment::PendingMoves& pending,
                deployment::Planner& planner,
                deployment::Batches& batches,
                deployment::DeploymentStates& states,
                jobs::Jobs& jobs,
                DeploymentSocket& socket,
                Idempotency& idempotency,
                const Clock& clock,
                asio::any_io_executor core)
      : pending_(pending),
        planner_(planner),
        batches_(batches),
        states_(states),
        jobs_(jobs),
        socket_(socket),
        idempotency_(idempotency),
        clock_(clock),
        core_(std::move(core)) {}

  void add_to(http::Router& router);

 private:
  asio::awaitable<deployment::DeploymentState> state(http::Call<void> call);
  asio::awaitable<deployment::DeploymentState> stage(http::Call<StagingRequest> call);
  asio::awaitable<deployment::DeploymentState> clear(http::Call<void> call);
  asio::awaitable<deployment::Plan> plan(http::Call<MovesRequest> call);
  asio::awaitable<http::Response> execute(http::Call<MovesRequest> call);

  asio::awaitable<deployment::DeploymentState> state_now();
  asio::awaitable<deployment::Plan> plan_of(std::vector<deployment::Move> moves);
  asio::awaitable<jobs::Submitted> begin(std::vector<deployment::Move> moves, std::string user);

  deployment::PendingMoves& pending_;
  deployment::Planner& planner_;
  deployment::Batches& batches_;
  deployment::DeploymentStates& states_;
  jobs::Jobs& jobs_;
  DeploymentSocket& socket_;
  Idempotency& idempotency_;
  const Clock& clock_;
  asio::any_io_executor core_;
};

}  // namespace portoser::api
