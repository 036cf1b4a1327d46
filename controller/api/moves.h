/// /api/deployment/moves: moves of services between hosts, and what is left of them.
#pragma once

#include "common/describe.h"
#include "common/tasks.h"
#include "controller/deployment/batches.h"
#include "controller/deployment/mover.h"
#include "controller/http/call.h"
#include "controller/http/response.h"

#include <string>
#include <vector>

namespace portoser::http {
class Router;
}

namespace portoser::api {

struct MoveList {
  std::vector<deployment::MoveRow> moves;  ///< newest first
};
BOOST_DESCRIBE_STRUCT(MoveList, (), (moves))

class MovesApi {
 public:
  /// `core`: the executor of fleet and jobs.
  MovesApi(deployment::Mover& mover,
           deployment::Batches& batches,
           jobs::Jobs& jobs,
           const Clock& clock,
           asio::any_io_executor core)
      : mover_(mover), batches_(batches), jobs_(jobs), clock_(clock), core_(std::move(core)) {}

  void add_to(http::Router& router);

 private:
  asio::awaitable<MoveList> list(http::Call<void> call);
  asio::awaitable<deployment::MoveRow> finalize(http::Call<void> call);
  asio::awaitable<http::Response> undo(http::Call<void> call);
  asio::awaitable<jobs::Submitted> begin_undo(std::string id, std::string user);

  deployment::Mover& mover_;
  deployment::Batches& batches_;
  jobs::Jobs& jobs_;
  const Clock& clock_;
  asio::any_io_executor core_;
};

}  // namespace portoser::api
