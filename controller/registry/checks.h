/// What is wrong between entries: hosts and dependencies that do not exist, ports claimed twice,
/// dependencies in a circle. Private to the room.
#pragma once

#include "controller/registry/entries.h"

#include <vector>

namespace portoser::registry {

/// Notes what it finds at the services. Names in each list are unique.
void check_references(const std::vector<HostDraft>& hosts, std::vector<ServiceDraft>& services);

/// Notes relative paths of services whose host has no `path` to find them below.
void check_paths(const std::vector<HostDraft>& hosts, std::vector<ServiceDraft>& services);

/// Fills `healthcheck_url` of services whose check is an endpoint on their host.
void complete_urls(const std::vector<HostDraft>& hosts, std::vector<ServiceDraft>& services);

}  // namespace portoser::registry
