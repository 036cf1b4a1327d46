/// /api/history/rollback: the way back to an earlier deployment.
#pragma once

#include "common/tasks.h"
#include "controller/deployment/rollback.h"
#include "controller/http/call.h"
#include "controller/http/response.h"

namespace portoser::http {
class Router;
}

namespace portoser::api {

struct RollbackRequest {
  bool confirm = false;
  bool dry_run = false;
  std::string why;
};
BOOST_DESCRIBE_STRUCT(RollbackRequest, (), (confirm, dry_run, why))

class RollbackApi {
 public:
  /// `core`: the executor of fleet and jobs.
  RollbackApi(deployment::Rollback& rollback, jobs::Jobs& jobs, asio::any_io_executor core)
      : rollback_(rollback), jobs_(jobs), core_(std::move(core)) {}

  void add_to(http::Router& router);

 private:
  asio::awaitable<http::Response> preview(http::Call<void> call);
  asio::awaitable<http::Response> execute(http::Call<RollbackRequest> call);

  deployment::Rollback& rollback_;
  jobs::Jobs& jobs_;
  asio::any_io_executor core_;
};

}  // namespace portoser::api
