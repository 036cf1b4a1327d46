#include "controller/fleet/assigned_service.h"

namespace portoser::fleet {

protocol::AssignedService assigned_service(const registry::Registry& registry,
                                           const registry::Service& service) {
  protocol::AssignedService assigned;
  assigned.name = service.name;
  assigned.kind = enum_name(service.deployment_type);
  assigned.files = service.deployment_type == registry::DeploymentType::docker
                       ? registry.compose_candidates(service)
                       : registry.service_file_candidates(service);
  assigned.project = service.project;
  assigned.compose_service = service.service_name;
  assigned.unit = service.unit;
  return assigned;
}

}  // namespace portoser::fleet
