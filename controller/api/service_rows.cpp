#include "controller/api/service_rows.h"

#include "common/describe_json.h"
#include "controller/diagnostics/service_health.h"
#include "controller/registry/masked.h"
#include "controller/telemetry/service_view.h"

#include <algorithm>

namespace portoser::api {

std::optional<std::string> unless_empty(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional{text};
}

ServiceRow ServiceRows::row(const registry::Registry& registry,
                            const registry::Service& service) const {
  ServiceRow row;
  row.name = service.name;
  row.hostname = service.hostname;
  // The UI shows a service of an unknown host nowhere at all; without a host it shows it as
  // unassigned, with its errors.
  if (service.current_host && registry.find_host(*service.current_host) != nullptr) {
    row.current_host = service.current_host;
  }
  row.machine_name = row.current_host;
  row.deployment_type = enum_name(service.deployment_type);
  row.docker_compose = unless_empty(service.docker_compose);
  row.service_file = unless_empty(service.service_file);
  row.service_name = unless_empty(service.service_name);
  row.port = service.port;
  row.description = registry::mask_text(service.description);
  row.dependencies = service.dependencies;
  row.tls_enabled = service.tls_enabled;
  row.requires_auth = service.requires_auth;
  const auto host = service.current_host ? live_.host(*service.current_host) : nullptr;
  row.status = telemetry::status_of(service, host.get()).status;
  auto health = diagnostics::health_of(service, host.get());
  row.health = std::move(health.status);
  row.reason = std::move(health.reason);
  if (const auto last = telemetry::last_known_of(service, host.get())) {
    row.stale = true;
    row.known_at = last->at;
    if (last->at) {
      const std::chrono::duration<double> age = clock_.now() - *last->at;
      row.age_seconds = std::max(age.count(), 0.0);
    }
    row.last_known_status = unless_empty(last->status);
  }
  if (service.healthcheck_url) row.healthcheck_url = registry::mask_text(*service.healthcheck_url);
  row.config_errors = service.config_errors;
  row.last_updated = unless_empty(service.last_updated);
  const auto active = jobs_.active();
  if (const auto job = active->find(service.name); job != active->end()) {
    row.job = JobBrief{job->second.id, job->second.kind, job->second.state, job->second.step};
  }
  return row;
}

std::shared_ptr<const std::string> ServiceRows::list() {
  // Read before the rows are made: a change meanwhile makes the next reader start again.
  Versions now{registry_.snapshot(), live_.state_version(), jobs_.version()};
  const auto uptime = clock_.uptime();
  if (const auto made = made_.load(); made && made->is_of(now, uptime)) return made->text;
  const std::lock_guard lock{making_};
  if (const auto made = made_.load(); made && made->is_of(now, uptime)) return made->text;
  const auto& registry = *now.registry->registry;
  ServiceList list;
  for (const auto& service : registry.services()) list.services.push_back(row(registry, service));
  list.revision = registry.revision;
  const bool has_ages = std::any_of(list.services.begin(),
                                    list.services.end(),
                                    [](const auto& one) { return one.age_seconds.has_value(); });
  auto text = std::make_shared<const std::string>(dump(to_json(list)));
  made_.store(std::make_shared<const Made>(Made{std::move(now), has_ages, uptime, text}));
  return text;
}

}  // namespace portoser::api
