/// The Prometheus families about the controller itself, under the names that existing dashboards
/// and alert rules use where there are any.
#pragma once

#include "controller/fleet/gateway.h"
#include "controller/fleet/refusals.h"
#include "controller/fleet/registration_counts.h"
#include "controller/registry/watch.h"
#include "controller/storage/database.h"
#include "controller/storage/retention.h"
#include "controller/telemetry/exposition.h"
#include "controller/telemetry/series.h"

#include <chrono>

namespace portoser::telemetry {

void write_database_families(Exposition& out, const storage::DatabaseStats& stats);
void write_retention_families(Exposition& out, const storage::RetentionStats& stats);
void write_series_families(Exposition& out, const SeriesStats& stats);
/// `interval`: how often agents are to measure.
void write_collection_families(Exposition& out, std::chrono::milliseconds interval);
void write_wire_families(Exposition& out,
                         const fleet::GatewayStats& stats,
                         const fleet::RefusalStats& refusals);
/// `in_force`: the file as it is now is the registry that counts.
void write_registry_families(Exposition& out, const registry::RegistryStats& stats, bool in_force);
void write_registration_families(Exposition& out, const fleet::RegistrationReading& registrations);
/// Errors, version, the machine that it runs on.
void write_process_families(Exposition& out, Uptime running);

}  // namespace portoser::telemetry
