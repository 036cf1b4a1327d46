#include "controller/api/health.h"

#include "common/describe_json.h"
#include "controller/api/health_rows.h"
#include "controller/http/router.h"

#include <vector>

namespace portoser::api {

void HealthApi::add_to(http::Router& router) {
  router.add<std::vector<ServiceHealthRow>>(
      {.path = "/api/diagnostics/health/all",
       .summary = "How healthy each service is, by its containers and their health checks"},
      *this,
      &HealthApi::all);
  router.add({.path = "/api/services/{service}/health",
              .summary = "How healthy a service is, and what was looked at",
              .errors = {Code::not_found}},
             *this,
             &HealthApi::service);
}

http::Response HealthApi::all(http::Call<void>) {
  const auto registry = registry_.snapshot()->registry;
  const auto hosts = live_.hosts();
  std::vector<ServiceHealthRow> rows;
  for (const auto& service : registry->services()) {
    const auto found = hosts.find(service.current_host.value_or(""));
    const auto* host = found == hosts.end() ? nullptr : found->second.get();
    rows.push_back(health_row(service, host));
  }
  return http::json_response(dump(to_json(rows)));
}

ServiceHealthView HealthApi::service(http::Call<void> call) {
  const auto registry = registry_.snapshot()->registry;
  const auto& service = registry->require_service(call.param("service"), "path.service");
  const auto host = service.current_host ? live_.host(*service.current_host) : nullptr;
  return health_view(service, host.get());
}

}  // namespace portoser::api
