/// /api/services: adding, changing and removing entries of registry.yml.
#pragma once

#include "controller/api/service_rows.h"
#include "controller/deployment/file_dependencies.h"
#include "controller/deployment/service_actions.h"
#include "controller/http/call.h"
#include "controller/http/response.h"
#include "controller/registry/editor.h"

namespace portoser::http {
class Router;
}

namespace portoser::api {

struct ServiceFields;

class ServiceEditsApi {
 public:
  /// `core`: the executor of fleet and jobs.
  ServiceEditsApi(const registry::RegistryWatch& registry,
                  registry::RegistryEditor& editor,
                  const ServiceRows& rows,
                  const deployment::FileDependencies& files,
                  deployment::ServiceActions& actions,
                  jobs::Jobs& jobs,
                  asio::any_io_executor core)
      : registry_(registry),
        editor_(editor),
        rows_(rows),
        files_(files),
        actions_(actions),
        jobs_(jobs),
        core_(std::move(core)) {}

  void add_to(http::Router& router);

 private:
  asio::awaitable<http::Response> add(http::Call<ServiceFields> call);
  asio::awaitable<http::Response> change(http::Call<ServiceFields> call);
  asio::awaitable<http::Response> remove(http::Call<void> call);
  asio::awaitable<void> stop(std::string service, std::string user);

  const registry::RegistryWatch& registry_;
  registry::RegistryEditor& editor_;
  const ServiceRows& rows_;
  const deployment::FileDependencies& files_;
  deployment::ServiceActions& actions_;
  jobs::Jobs& jobs_;
  asio::any_io_executor core_;
};

}  // namespace portoser::api
