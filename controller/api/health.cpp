#include "controller/api/health.h"

#include "common/describe_json.h"
#include "controller/diagnostics/service_health.h"
#include "controller/http/router.h"

#include <optional>
#include <string>
#include <vector>

namespace portoser::api {

struct HealthProblem {
  std::string name;
  std::string description;
  std::string severity;  ///< high, medium
};
BOOST_DESCRIBE_STRUCT(HealthProblem, (), (name, description, severity))

struct HealthCheckView {
  std::string name;
  std::string status;  ///< passed, failed, running, none
  std::string message;
};
BOOST_DESCRIBE_STRUCT(HealthCheckView, (), (name, status, message))

struct HealthObservation {
  std::string type;  ///< success, warning, info, error
  std::string name;
  std::string message;
};
BOOST_DESCRIBE_STRUCT(HealthObservation, (), (type, name, message))

struct ServiceHealthRow {
  std::string service;
  std::string machine;               ///< empty: none
  std::string status;                ///< healthy, unhealthy, stopped, unknown
  std::string state;                 ///< running, degraded, starting, stopped, unknown
  std::optional<int> health_score;   ///< not known yet: checks of our own come later
  std::optional<std::string> trend;  ///< likewise
  std::vector<std::string> issues;
  std::vector<HealthProblem> problems;
  std::vector<HealthCheckView> checks;
  std::optional<Time> last_checked;
  std::optional<double> response_time_ms;      ///< nobody is asked for this
  std::optional<std::int64_t> uptime_seconds;  ///< see /api/uptime
  bool stale = false;                          ///< it is unknown now, and was known
};
BOOST_DESCRIBE_STRUCT(ServiceHealthRow,
                      (),
                      (service,
                       machine,
                       status,
                       state,
                       health_score,
                       trend,
                       issues,
                       problems,
                       checks,
                       last_checked,
                       response_time_ms,
                       uptime_seconds,
                       stale))

struct ServiceHealthView : ServiceHealthRow {
  std::optional<bool> healthy;  ///< none: not known
  std::vector<HealthObservation> observations;
  std::string output;  ///< the checks in words
};
BOOST_DESCRIBE_STRUCT(ServiceHealthView, (ServiceHealthRow), (healthy, observations, output))

namespace {

ServiceHealthRow row_of(const registry::Service& service,
                        const diagnostics::ServiceHealth& health) {
  ServiceHealthRow row;
  row.service = service.name;
  row.machine = service.current_host.value_or("");
  row.status = health.status;
  row.state = health.state;
  row.last_checked = health.last_checked;
  row.stale = health.stale;
  if (!health.reason.empty()) row.issues.push_back(health.reason);
  if (health.status == "unhealthy") {
    row.problems.push_back(
        {health.state, health.reason, health.state == "starting" ? "medium" : "high"});
  }
  for (const auto& check : health.checks) {
    row.checks.push_back({check.name, check.status, check.message});
  }
  return row;
}

std::string observation_type(const std::string& check_status) {
  if (check_status == "passed") return "success";
  if (check_status == "failed") return "error";
  return check_status == "running" ? "warning" : "info";
}

}  // namespace

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
    rows.push_back(row_of(service, diagnostics::health_of(service, host)));
  }
  return http::json_response(dump(to_json(rows)));
}

ServiceHealthView HealthApi::service(http::Call<void> call) {
  const auto registry = registry_.snapshot()->registry;
  const auto& service = registry->require_service(call.param("service"), "path.service");
  const auto host = service.current_host ? live_.host(*service.current_host) : nullptr;
  const auto health = diagnostics::health_of(service, host.get());
  ServiceHealthView view;
  static_cast<ServiceHealthRow&>(view) = row_of(service, health);
  if (health.status != "unknown") view.healthy = health.status == "healthy";
  for (const auto& check : health.checks) {
    view.observations.push_back({observation_type(check.status), check.name, check.message});
    view.output += check.name + ": " + check.message + "\n";
  }
  if (view.observations.empty()) {
    view.observations.push_back({"warning", "state", health.reason});
    view.output = health.reason + "\n";
  }
  return view;
}

}  // namespace portoser::api
