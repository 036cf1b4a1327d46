#include "controller/api/health_rows.h"

#include "controller/diagnostics/service_health.h"

namespace portoser::api {
namespace {

ServiceHealthRow row_of_health(const registry::Service& service,
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

ServiceHealthRow health_row(const registry::Service& service, const telemetry::HostLive* host) {
  return row_of_health(service, diagnostics::health_of(service, host));
}

ServiceHealthView health_view(const registry::Service& service, const telemetry::HostLive* host) {
  const auto health = diagnostics::health_of(service, host);
  ServiceHealthView view;
  static_cast<ServiceHealthRow&>(view) = row_of_health(service, health);
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
