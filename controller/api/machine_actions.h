/// Start, stop and restart of everything on a host: POST /api/machines/{machine}/start and so on.
#pragma once

#include "common/tasks.h"
#include "controller/api/services.h"
#include "controller/deployment/host_actions.h"
#include "controller/http/call.h"
#include "controller/http/response.h"
#include "controller/jobs/jobs.h"

namespace portoser::http {
class Router;
}

namespace portoser::api {

class MachineActionsApi {
 public:
  /// `core`: the executor of fleet and jobs.
  MachineActionsApi(jobs::Jobs& jobs, deployment::HostActions& actions, asio::any_io_executor core)
      : jobs_(jobs), actions_(actions), core_(std::move(core)) {}

  void add_to(http::Router& router);

 private:
  asio::awaitable<http::Response> start(http::Call<ActionRequest> call);
  asio::awaitable<http::Response> stop(http::Call<ActionRequest> call);
  asio::awaitable<http::Response> restart(http::Call<ActionRequest> call);
  asio::awaitable<http::Response> act(deployment::Action action, http::Call<ActionRequest> call);

  jobs::Jobs& jobs_;
  deployment::HostActions& actions_;
  asio::any_io_executor core_;
};

}  // namespace portoser::api
