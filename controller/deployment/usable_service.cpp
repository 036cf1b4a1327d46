#include "controller/deployment/usable_service.h"

#include "common/error.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

namespace portoser::deployment {

const registry::Service& require_usable(const registry::Registry& registry,
                                        const std::string& name) {
  const auto& service = registry.require_service(name, "path.service");
  if (service.quarantined()) {
    std::vector<ErrorDetail> details;
    for (const auto& finding : service.config_errors) {
      details.push_back({fmt::format("{}:{}:{}", registry.file, finding.line, finding.column),
                         finding.message + (finding.hint.empty() ? "" : "; " + finding.hint)});
    }
    throw Error{Code::invalid,
                fmt::format("the entry of \"{}\" in registry.yml is broken", name),
                "path.service"}
        .reason("SERVICE_MISCONFIGURED")
        .hint("mend the entry; the controller notices within a second")
        .details(std::move(details));
  }
  if (!service.current_host) {
    throw Error{Code::invalid, fmt::format("\"{}\" is assigned to no host", name), "path.service"}
        .reason("SERVICE_UNASSIGNED")
        .hint("set its current_host in registry.yml");
  }
  return service;
}

}  // namespace portoser::deployment
