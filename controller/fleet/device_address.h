/// Where a device is, for people. Any thread.
#pragma once

#include "controller/fleet/device.h"
#include "controller/registry/model.h"

#include <string>

namespace portoser::fleet {

/// The registry knows better than the host; empty: neither says.
inline std::string address_of(const Device& device, const registry::Registry& registry) {
  if (const auto* host = registry.find_host(device.name)) return host->ip;
  return device.facts.addresses.empty() ? std::string{} : device.facts.addresses.front();
}

}  // namespace portoser::fleet
