/// The Prometheus families about hosts, services and devices. A value that is unknown has no
/// series; what is not in the registry, or no device any more, has none either. Any thread.
#pragma once

#include "common/clock.h"
#include "controller/fleet/fleet.h"
#include "controller/registry/model.h"
#include "controller/telemetry/availability.h"
#include "controller/telemetry/exposition.h"
#include "controller/telemetry/live.h"

namespace portoser::telemetry {

/// What all pages are made of: one moment of it.
struct FleetReading {
  const registry::Registry& registry;
  const Live& live;
  HostLives hosts;
  Time now;
};

void write_host_families(Exposition& out,
                         const FleetReading& fleet,
                         const fleet::RoundTrips::Reading& round_trips);
void write_service_families(Exposition& out,
                            const FleetReading& fleet,
                            const AvailabilityTable& availability);
/// Devices, under the names that existing dashboards and alert rules use. `by_http`: heartbeats of
/// hosts without an agent.
void write_device_families(Exposition& out,
                           const fleet::Devices& devices,
                           const fleet::HeartbeatReading& by_http,
                           const FleetReading& fleet);

}  // namespace portoser::telemetry
