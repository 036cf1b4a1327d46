#include "controller/deployment/native_target.h"

namespace portoser::deployment {

protocol::NativeTarget native_target_of(const registry::Registry& registry,
                                        const registry::Service& service) {
  protocol::NativeTarget target;
  target.service = service.name;
  target.unit = service.unit;
  target.files = registry.service_file_candidates(service);
  target.user = registry.user_of(service);
  target.working_dir = service.working_dir;
  return target;
}

}  // namespace portoser::deployment
