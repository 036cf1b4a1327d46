/// The Prometheus families about hosts, services and devices.
#pragma once

#include "common/clock.h"
#include "controller/fleet/fleet.h"
#include "controller/registry/model.h"
#include "controller/telemetry/exposition.h"
#include "controller/telemetry/live.h"

namespace portoser::telemetry {

/// Hosts and services of the registry. A value that is unknown has no series; `portoser_host_up`
/// and `portoser_service_up` are there for all that are known about.
void write_fleet_families(Exposition& out,
                          const registry::Registry& registry,
                          const Live& live,
                          Time now);

/// Devices, under the names that existing dashboards and alert rules use.
void write_device_families(Exposition& out,
                           const fleet::Devices& devices,
                           const Live& live,
                           Time now);

}  // namespace portoser::telemetry
