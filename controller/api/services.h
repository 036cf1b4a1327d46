/// /api/services: what there is, and start, stop, restart, rebuild.
#pragma once

#include "common/tasks.h"
#include "controller/api/service_rows.h"
#include "controller/deployment/file_dependencies.h"
#include "controller/deployment/service_actions.h"
#include "controller/history/history.h"
#include "controller/http/call.h"
#include "controller/http/response.h"

namespace portoser::http {
class Router;
}

namespace portoser::api {

/// Actions take no parameters yet; a body must be an object, null or absent all the same.
struct ActionRequest {};
BOOST_DESCRIBE_STRUCT(ActionRequest, (), ())

class ServicesApi {
 public:
  /// `core`: the executor of fleet and jobs.
  ServicesApi(const registry::RegistryWatch& registry,
              const telemetry::Live& live,
              jobs::Jobs& jobs,
              deployment::ServiceActions& actions,
              const history::History& history,
              const deployment::FileDependencies& files,
              asio::any_io_executor core,
              const Clock& clock)
      : registry_(registry),
        live_(live),
        jobs_(jobs),
        actions_(actions),
        history_(history),
        files_(files),
        core_(std::move(core)),
        rows_(registry, live, jobs, clock) {}

  void add_to(http::Router& router);
  /// For other routers that show services.
  [[nodiscard]] const ServiceRows& rows() const { return rows_; }

 private:
  http::Response list(http::Call<void> call);
  http::Response detail(http::Call<void> call);
  asio::awaitable<http::Response> start(http::Call<ActionRequest> call);
  asio::awaitable<http::Response> stop(http::Call<ActionRequest> call);
  asio::awaitable<http::Response> restart(http::Call<ActionRequest> call);
  asio::awaitable<http::Response> rebuild(http::Call<ActionRequest> call);
  asio::awaitable<http::Response> act(deployment::Action action, http::Call<ActionRequest> call);

  const registry::RegistryWatch& registry_;
  const telemetry::Live& live_;
  jobs::Jobs& jobs_;
  deployment::ServiceActions& actions_;
  const history::History& history_;
  const deployment::FileDependencies& files_;
  asio::any_io_executor core_;
  ServiceRows rows_;
};

}  // namespace portoser::api
