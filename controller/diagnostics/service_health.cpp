#include "controller/diagnostics/service_health.h"

#include "controller/telemetry/service_usage.h"
#include "controller/telemetry/service_view.h"

#include <algorithm>

namespace portoser::diagnostics {
namespace {

/// Of a service that is not healthy: some container is down or paused, and not just ill. One that
/// ended with 0 and that nobody brings back is done.
bool lacks_containers(const protocol::ServiceState& service, const protocol::State& host) {
  return std::any_of(
      host.containers.begin(), host.containers.end(), [&](const protocol::Container& container) {
        const auto& ids = service.container_ids;
        if (std::find(ids.begin(), ids.end(), container.id) == ids.end()) return false;
        const bool is_done =
            container.state == "exited" && container.exit_code == 0 &&
            (container.restart_policy == "no" || container.restart_policy == "on-failure");
        return container.state != "running" && !is_done;
      });
}

Check of_containers(const protocol::ServiceState& service, bool is_whole) {
  if (is_whole) return {"containers", "passed", "all of its containers run"};
  return {"containers", "failed", service.reason};
}

Check of_healthcheck(const protocol::ServiceState& state, bool is_whole) {
  Check check{"healthcheck", "none", "no container of it has a health check"};
  if (state.health == "healthy") {
    check.status = "passed";
    check.message = "the health checks of its containers pass";
  } else if (state.health == "starting") {
    check.status = "running";
    check.message = "a health check has not passed yet";
  } else if (state.health == "unhealthy" && is_whole) {
    check.status = "failed";
    check.message = state.reason;
  } else if (state.health == "unhealthy") {
    check.status = "running";
    check.message = "not looked at while containers are missing";
  }
  return check;
}

/// Nobody checks it yet: it is as healthy as its unit runs.
void judge_unit(const protocol::ServiceState& state, ServiceHealth& health) {
  const bool is_whole = state.health != "unhealthy";
  const Check unit{"unit",
                   is_whole ? "passed" : "failed",
                   is_whole ? std::string{"its unit is active"} : state.reason};
  const Check healthcheck{"healthcheck", "none", "it has no health check"};
  health.checks = {unit, healthcheck};
  health.status = is_whole ? "healthy" : "unhealthy";
  health.state = is_whole ? "running" : "degraded";
  if (!is_whole) health.reason = state.reason;
}

void judge_running(const protocol::ServiceState& state,
                   const protocol::State& host,
                   ServiceHealth& health) {
  const bool is_whole = state.health != "unhealthy" || !lacks_containers(state, host);
  const auto containers = of_containers(state, is_whole);
  const auto healthcheck = of_healthcheck(state, is_whole);
  health.checks = {containers, healthcheck};
  health.status = "healthy";
  health.state = "running";
  for (const auto& check : health.checks) {
    if (check.status == "failed") {
      health.status = "unhealthy";
      health.state = "degraded";
      health.reason = check.message;
      return;
    }
  }
  if (healthcheck.status != "running") return;
  // Not healthy before the check has said so.
  health.status = "unhealthy";
  health.state = "starting";
  health.reason = healthcheck.message;
}

}  // namespace

ServiceHealth health_of(const registry::Service& service, const telemetry::HostLive* host) {
  ServiceHealth health;
  const bool is_docker = service.deployment_type == registry::DeploymentType::docker;
  const auto status = telemetry::status_of(service, host);
  health.reason = status.reason;
  if (const auto last = telemetry::last_known_of(service, host)) {
    health.stale = true;
    health.last_checked = last->at;
  }
  if (status.status == "unknown") return health;
  health.last_checked = host->sample ? std::max(host->sample_at, host->state_at) : host->state_at;
  const auto* state = telemetry::state_of(service.name, *host);
  if (status.status == "stopped" || state == nullptr) {
    health.status = health.state = "stopped";
    health.checks = {{is_docker ? "containers" : "unit",
                      "failed",
                      status.reason.empty() ? "none runs" : status.reason}};
    return health;
  }
  if (!is_docker) {
    judge_unit(*state, health);
    return health;
  }
  judge_running(*state, *host->state, health);
  return health;
}

}  // namespace portoser::diagnostics
