/// /api/diagnostics/health/all and /api/services/{service}/health: how healthy services are.
#pragma once

#include "controller/http/call.h"
#include "controller/http/response.h"
#include "controller/registry/watch.h"
#include "controller/telemetry/live.h"

namespace portoser::http {
class Router;
}

namespace portoser::api {

struct ServiceHealthView;

class HealthApi {
 public:
  HealthApi(const registry::RegistryWatch& registry, const telemetry::Live& live)
      : registry_(registry), live_(live) {}

  void add_to(http::Router& router);

 private:
  http::Response all(http::Call<void> call);
  ServiceHealthView service(http::Call<void> call);

  const registry::RegistryWatch& registry_;
  const telemetry::Live& live_;
};

}  // namespace portoser::api
