#include "controller/api/placed_service.h"

#include "common/error.h"

#include <fmt/format.h>

namespace portoser::api {

const registry::Service& require_placed(const registry::Registry& registry,
                                        const std::string& service,
                                        const std::string& machine,
                                        const std::string& part) {
  const auto& host = registry.require_host(machine, part + ".machine");
  const auto& entry = registry.require_service(service, part + ".service");
  if (entry.current_host == host.name) return entry;
  throw Error{Code::not_found,
              fmt::format("the service \"{}\" is not on \"{}\"", service, machine),
              part + ".machine"}
      .reason("SERVICE_UNKNOWN")
      .hint(entry.current_host ? fmt::format("it is on \"{}\"", *entry.current_host)
                               : "it is assigned to no host");
}

}  // namespace portoser::api
