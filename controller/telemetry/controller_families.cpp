#include "controller/telemetry/controller_families.h"

#include "common/log_counts.h"
#include "common/version.h"

#include <sys/utsname.h>

#include <algorithm>
#include <chrono>

namespace portoser::telemetry {

void write_database_families(Exposition& out, const storage::DatabaseStats& stats) {
  out.family("portoser_database_commits_total", "counter", "Commits of the database");
  out.sample({}, static_cast<double>(stats.commits));
  out.family("portoser_database_failures_total", "counter", "Writes that were refused or failed");
  out.sample({}, static_cast<double>(stats.failures));
  out.family("portoser_database_size_bytes", "gauge", "Size of the database and its log");
  out.sample({}, static_cast<double>(stats.size_bytes));
  out.family("db_connections", "gauge", "Connections to the database");
  out.sample({{"state", "busy"}}, static_cast<double>(stats.busy_connections));
  out.sample(
      {{"state", "idle"}},
      static_cast<double>(stats.connections - std::min(stats.connections, stats.busy_connections)));
  out.family("db_query_duration_seconds", "histogram", "Time of a query, without waiting for it");
  out.histogram({{"query_type", "read"}}, stats.reads);
  out.histogram({{"query_type", "write"}}, stats.writes);
  out.family("portoser_database_writable",
             "gauge",
             "1: the last write reached the disk; 0: it is full or failing, see /health");
  out.sample({}, stats.problem ? 0 : 1);
}

void write_retention_families(Exposition& out, const storage::RetentionStats& stats) {
  out.family("portoser_retention_deleted_total", "counter", "What was deleted for its age");
  out.sample({{"kind", "job"}}, static_cast<double>(stats.jobs));
  out.sample({{"kind", "event"}}, static_cast<double>(stats.events));
  out.sample({{"kind", "deployment"}}, static_cast<double>(stats.deployments));
  out.sample({{"kind", "audit"}}, static_cast<double>(stats.audit));
  out.family("portoser_retention_failures_total", "counter", "Rounds of deleting that failed");
  out.sample({}, static_cast<double>(stats.failures));
  out.family("portoser_retention_last_success_timestamp_seconds",
             "gauge",
             "When everything too old was last deleted");
  if (stats.succeeded_at) {
    out.sample({}, static_cast<double>(to_unix_us(*stats.succeeded_at)) / 1e6);
  }
}

void write_series_families(Exposition& out, const SeriesStats& stats) {
  out.family("portoser_series_samples_total", "counter", "Samples that series took");
  out.sample({{"result", "new"}}, static_cast<double>(stats.samples));
  out.sample({{"result", "repeated"}}, static_cast<double>(stats.repeated));
  out.family("portoser_series_values_total", "counter", "Values in these samples");
  out.sample({{"result", "kept"}}, static_cast<double>(stats.values));
  out.sample({{"result", "dropped"}}, static_cast<double>(stats.dropped_values));
  out.family("portoser_series_open_bytes", "gauge", "Memory of samples that are in no block yet");
  out.sample({}, static_cast<double>(stats.open_bytes));
  out.family("portoser_series_damaged_total", "counter", "Blocks that could not be read");
  out.sample({}, static_cast<double>(stats.damaged_blocks));
  out.family(
      "portoser_series_sealed_spans_total", "counter", "Quarters of an hour put into blocks");
  out.sample({}, static_cast<double>(stats.sealed_spans));
  out.family("portoser_series_failures_total", "counter", "Writes that the database refused");
  out.sample({}, static_cast<double>(stats.failures));
}

void write_collection_families(Exposition& out, std::chrono::milliseconds interval) {
  out.family("portoser_sample_interval_seconds", "gauge", "How often agents measure their hosts");
  out.sample({}, std::chrono::duration<double>(interval).count());
}

void write_wire_families(Exposition& out,
                         const fleet::GatewayStats& stats,
                         const fleet::RefusalStats& refusals) {
  out.family("portoser_wire_messages_total", "counter", "Messages from and to agents");
  out.sample({{"direction", "received"}}, static_cast<double>(stats.received));
  out.sample({{"direction", "sent"}}, static_cast<double>(stats.sent));
  out.family("portoser_wire_dropped_total", "counter", "Messages that were dropped");
  out.sample({{"reason", "malformed"}}, static_cast<double>(stats.dropped_malformed));
  out.sample({{"reason", "too_large"}}, static_cast<double>(stats.dropped_too_large));
  out.sample({{"reason", "unknown_type"}}, static_cast<double>(stats.dropped_unknown_type));
  out.sample({{"reason", "not_admitted"}}, static_cast<double>(stats.dropped_not_admitted));
  out.sample({{"reason", "routing_id"}}, static_cast<double>(stats.dropped_own_route));
  out.sample({{"reason", "not_welcomed"}}, static_cast<double>(refusals.dropped_not_welcomed));
  out.sample({{"reason", "unroutable"}}, static_cast<double>(stats.dropped_unroutable));
  out.family("portoser_wire_hellos_refused_total",
             "counter",
             "Agents that were told goodbye when they came");
  out.sample({{"reason", "version"}}, static_cast<double>(refusals.hellos_other_version));
  out.sample({{"reason", "cloned"}}, static_cast<double>(refusals.hellos_two_machines));
  out.family("portoser_wire_handshakes_refused_total",
             "counter",
             "Connections whose key belongs to no device");
  out.sample({}, static_cast<double>(stats.handshakes_refused));
  out.family("portoser_wire_handshakes_failed_total",
             "counter",
             "Connections that ended before a key was known");
  out.sample({}, static_cast<double>(stats.handshakes_failed));
  out.family("portoser_wire_accepts_failed_total", "counter", "Connections that were not taken");
  out.sample({}, static_cast<double>(stats.accepts_failed));
  out.family("portoser_wire_connections_ended_total",
             "counter",
             "Connections that ended, also for a frame over 4 MiB");
  out.sample({}, static_cast<double>(stats.connections_ended));
  out.family("portoser_wire_handshakes", "gauge", "Connections whose handshake has not ended");
  out.sample({}, static_cast<double>(stats.strangers));
  out.family("portoser_wire_shut_total",
             "counter",
             "How often new connections had to wait because there were too many");
  out.sample({}, static_cast<double>(stats.door_shut));
  out.family("portoser_wire_held_back_total",
             "counter",
             "How often reading waited until the controller had caught up");
  out.sample({}, static_cast<double>(stats.held_back));
}

void write_registry_families(Exposition& out, const registry::RegistryStats& stats, bool in_force) {
  out.family("portoser_registry_in_force",
             "gauge",
             "1: registry.yml as it is now counts; 0: it is refused or missing, see /health");
  out.sample({}, in_force ? 1 : 0);
  out.family("registry_size_bytes", "gauge", "Size of registry.yml");
  if (stats.size_bytes) out.sample({}, static_cast<double>(*stats.size_bytes));
  out.family("registry_operations_total", "counter", "Operations on registry.yml");
  out.sample({{"operation", "read"}, {"result", "success"}}, static_cast<double>(stats.reads));
  out.sample({{"operation", "read"}, {"result", "error"}}, static_cast<double>(stats.refused));
  out.family("registry_validation_errors_total",
             "counter",
             "Mistakes found in registry.yml, by what they are in");
  for (const auto& [kind, count] : stats.mistakes) {
    out.sample({{"error_type", kind}}, static_cast<double>(count));
  }
  out.family("registry_lock_wait_seconds",
             "histogram",
             "How long a new registry waited until readers let it in");
  out.histogram({}, stats.lock_wait);
  // Backups are their owner's; we make none and do not know of any.
  out.family("registry_backup_age_seconds", "gauge", "Age of the newest backup; nobody tells us");
}

void write_registration_families(Exposition& out, const fleet::RegistrationReading& registrations) {
  out.family("devices_registered_total", "counter", "Registrations of devices, by how they ended");
  for (const auto& [key, count] : registrations.counts) {
    out.sample({{"status", key[0]}, {"arch", key[1]}, {"os", key[2]}}, static_cast<double>(count));
  }
  out.family("registration_duration_seconds", "histogram", "Time of a registration");
  out.histogram({{"status", "registered"}}, registrations.registered);
  out.histogram({{"status", "pending"}}, registrations.pending);
  out.histogram({{"status", "refused"}}, registrations.refused);
  out.family("device_deregistrations_total", "counter", "Devices that were taken away");
  for (const auto& [reason, count] : registrations.deregistered) {
    out.sample({{"reason", reason}}, static_cast<double>(count));
  }
  out.family("device_updates_total", "counter", "Changes of what is known of devices");
  for (const auto& [what, count] : registrations.updated) {
    out.sample({{"update_type", what}}, static_cast<double>(count));
  }
}

void write_process_families(Exposition& out, Uptime running) {
  const auto logged = log::counts();
  out.family("errors_total", "counter", "What the controller logged as a warning or an error");
  out.sample({{"type", "warning"}, {"severity", "low"}}, static_cast<double>(logged.warnings));
  out.sample({{"type", "error"}, {"severity", "medium"}}, static_cast<double>(logged.errors));
  out.family("uptime_seconds", "gauge", "Time since the controller started");
  out.sample({}, std::chrono::duration<double>(running).count());
  out.family("portoser_build_info", "info", "Version of the controller");
  out.sample({{"version", version}, {"revision", revision}}, 1);
  utsname machine{};
  if (::uname(&machine) != 0) return;
  out.family("system_info", "info", "The machine that the controller runs on");
  out.sample({{"hostname", machine.nodename},
              {"os", machine.sysname},
              {"kernel", machine.release},
              {"arch", machine.machine},
              {"version", version}},
             1);
}

}  // namespace portoser::telemetry
