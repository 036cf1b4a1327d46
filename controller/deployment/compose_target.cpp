#include "controller/deployment/compose_target.h"

namespace portoser::deployment {

protocol::ComposeTarget compose_target(const registry::Registry& registry,
                                       const registry::Service& service) {
  protocol::ComposeTarget target;
  target.service = service.name;
  target.files = registry.compose_candidates(service);
  target.project = service.project;
  target.compose_service = service.service_name;
  return target;
}

}  // namespace portoser::deployment
