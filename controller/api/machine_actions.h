/// Start, stop and restart of everything on a host: POST /api/machines/{machine}/start and so on.
#pragma once

#include "common/clock.h"
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
  MachineActionsApi(jobs::Jobs& jobs,
                    deployment::HostActions& actions,
                    const Clock& clock,
                    asio::any_io_executor core)
      : jobs_(jobs), actions_(actions), clock_(clock), core_(std::move(core)) {}

  void add_to(http::Router& router);

 private:
  asio::awaitable<http::Response> start(http::Call<ActionRequest> call);
  asio::awaitable<http::Response> stop(http::Call<ActionRequest> call);
  asio::awaitable<http::Response> restart(http::Call<ActionRequest> call);
  asio::awaitable<http::Response> act(deployment::Action action, http::Call<ActionRequest> call);

  jobs::Jobs& jobs_;
  deployment::HostActions& actions_;
  const Clock& clock_;
  asio::any_io_executor core_;
};

}  // namespace portoser::api
