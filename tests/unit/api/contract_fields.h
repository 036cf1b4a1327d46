/// The fields of the telemetry answers with their types, as the contract has them: telemetry.md 13
/// and the lists that it builds on. "name:type"; a ? behind the type: it may be null, since 13 has
/// null for a number that is unknown. A `number` may also be written as a whole one; an `integer`
/// may not have a point.
#pragma once

#include "common/describe_json.h"

#include <map>
#include <string>
#include <string_view>

namespace portoser::api::contract {

/// Their types by their names.
using Fields = std::map<std::string, std::string, std::less<>>;

/// Of a text with spaces between.
Fields fields(std::string_view text);
Fields operator+(Fields fields, const Fields& more);

/// Exactly the keys of the contract and those that we add to it, with values of their types.
void expect_fields(const Json& object,
                   const Fields& contract,
                   const Fields& ours,
                   std::string_view what);

// 2.1 ResourceMetrics. Its numbers are never null; 13 has null for what is unknown.
inline const Fields resource_metrics = fields(
    "service:string machine:string timestamp:time cpu_percent:number? memory_mb:number? "
    "memory_total_mb:number? disk_gb:number? disk_total_gb:number? network_rx_bytes:integer? "
    "network_tx_bytes:integer?");
// 13.1 `current`, without uptime_percent: it is left out while it is unknown.
inline const Fields current =
    resource_metrics +
    fields(
        "memory_percent:number? disk_percent:number? cpu_cores:integer? memory_used:integer? "
        "memory_total:integer? disk_used:integer? disk_total:integer? network_rx:number? "
        "network_tx:number? age_seconds:number stale:boolean");
inline const Fields our_current = fields(
    "block_read_bytes:integer? block_write_bytes:integer? block_read:number? block_write:number?");
// 2.1 ServiceMetrics
inline const Fields service_metrics = fields(
    "service:string machine:string current:object? history:array avg_cpu:number? peak_cpu:number? "
    "avg_memory:number? peak_memory:number? time_range:string");
// 13.1, of which sockets have all but the chart
inline const Fields how_it_stands = fields("status:string error:string");
inline const Fields chart = fields("metrics:array dataPoints:array");
inline const Fields chart_point = fields("timestamp:time cpu:number? memory:number? disk:number?");
// 2.1 MachineMetrics, and 13.2 without uptime_percent as above. `timestamp` of a host that was
// never measured is null: nothing else is true.
inline const Fields machine_row = fields(
    "machine:string cpu_percent:number? memory_percent:number? disk_percent:number? "
    "memory_used_mb:number? memory_total_mb:number? disk_used_gb:number? disk_total_gb:number? "
    "services:array timestamp:time? status:string error:string memory_mb:number? disk_mb:number? "
    "disk_total_mb:number? cpu_cores:integer? memory_used:integer? memory_total:integer? "
    "disk_used:integer? disk_total:integer? network_rx:number? network_tx:number? "
    "age_seconds:number? stale:boolean service_count:integer");
inline const Fields our_machine_row = fields(
    "network_rx_bytes:integer? network_tx_bytes:integer? swap_used:integer? swap_total:integer? "
    "swap_percent:number? disks:array networks:array load_1:number? load_5:number? "
    "load_15:number? temperature_celsius:number? temperatures:array boot_time:time?");
inline const Fields our_disk = fields(
    "mountpoint:string device:string fstype:string used:integer total:integer available:integer "
    "percent:number? read:number? write:number?");
inline const Fields our_network =
    fields("interface:string rx_bytes:integer tx_bytes:integer rx:number? tx:number?");
inline const Fields our_temperature = fields("sensor:string celsius:number");
// 2.8
inline const Fields history = fields(
    "service:string machine:string time_range:string interval:string data_points:array "
    "summary:object");
inline const Fields history_summary = fields(
    "avg_cpu:number? avg_memory:number? peak_cpu:number? peak_memory:number? min_cpu:number? "
    "min_memory:number? max_cpu:number? max_memory:number?");
inline const Fields our_usage = fields(
    "cpu_percent_max:number? memory_mb_max:number? memory_percent:number? disk_percent:number? "
    "network_rx:number? network_tx:number? load_1:number? samples:integer");
inline const Fields our_machine_usage = fields(
    "load_5:number? load_15:number? swap_mb:number? swap_total_mb:number? swap_percent:number? "
    "temperature_celsius:number? temperature_celsius_max:number?");
// 2.10
inline const Fields collector = fields(
    "available:boolean running:boolean interval:integer max_concurrent:integer "
    "task_timeout:integer metrics_service_available:boolean websocket_manager_available:boolean "
    "registry_path:string statistics:object");
inline const Fields collector_statistics = fields(
    "total_collections:integer successful_collections:integer failed_collections:integer "
    "last_collection_duration:number? last_collection_time:time?");
inline const Fields cache_stats = fields(
    "cache_size:integer expired_entries:integer active_entries:integer cache_ttl:number "
    "inflight_requests:integer");
inline const Fields workers = fields("enabled:boolean workers:object");
inline const Fields worker = fields("enabled:boolean status:string description:string");
// 3
inline const Fields metrics_health = fields(
    "status:string timestamp:time cache:object queue:object circuit_breakers:array "
    "machines:object machine_details:array collector_running:boolean "
    "collection_interval_seconds:integer response_time_ms:number");
inline const Fields health_of_cache = fields(
    "hit_rate:number total_entries:integer total_hits:integer total_misses:integer "
    "total_requests:integer ttl_seconds:integer oldest_entry_age_seconds:number?");
inline const Fields health_of_queue = fields(
    "depth:integer max_depth:integer utilization:number processing_rate:number? "
    "avg_wait_time_ms:number?");
inline const Fields health_of_machine = fields(
    "machine:string status:string last_success:time? last_failure:time? "
    "consecutive_failures:integer response_time_ms:number? error_message:string?");
// 4.1 UptimeEvent; 13.4 has `duration`. Null would be shown by the UI, so texts are never null.
inline const Fields event = fields(
    "timestamp:time event_type:string service:string machine:string details:string "
    "metadata:object");
inline const Fields listed_event = event + fields("duration:integer?");
inline const Fields our_event = fields("id:integer time_estimated:boolean");
// 4.1 UptimeStats, and 13.4 without what only the answer for one service has
inline const Fields uptime_row = fields(
    "service:string machine:string uptime_seconds:integer downtime_seconds:integer "
    "total_seconds:integer availability_percent:number? mtbf:number? mttr:number? "
    "failure_count:integer recovery_count:integer current_status:string last_status_change:time? "
    "current_uptime_seconds:integer? current_downtime_seconds:integer? uptime_duration:integer "
    "downtime_duration:integer unknown_seconds:integer observed_seconds:integer "
    "mtbf_seconds:number? mttr_seconds:number? mtbf_hours:number? mttr_minutes:number?");
inline const Fields our_uptime_row =
    fields("planned_downtime_seconds:integer current_planned:boolean former:boolean");
// 4.1 UptimeSummary
inline const Fields uptime_summary = fields(
    "total_services:integer services_up:integer services_down:integer "
    "overall_availability:number? services:array timestamp:time");
inline const Fields our_uptime_summary =
    fields("services_stopped:integer services_unknown:integer");
inline const Fields timeline = fields(
    "services:array machines:array entries:array start_time:time end_time:time summary:object");
inline const Fields timeline_entry = fields(
    "service:string machine:string start_time:time end_time:time status:string "
    "duration_seconds:integer event_type:string?");
// 6.1 DeviceInfo and 13.5. `registered_at` is "" of a host that never joined, and `last_seen` is
// left out then.
inline const Fields device_row = fields(
    "hostname:string ip:string ssh_user:string registered_at:string arch:string os:string "
    "os_version:string status:string resources:object capabilities:array labels:object "
    "approval_status:string approved_at:time? last_seen_at:time? owner_user_id:string? "
    "assigned_roles:array id:string name:string ip_address:string device_type:string "
    "cpu_percent:number? memory_percent:number? disk_percent:number? metrics:object "
    "service_count:integer services:array");
inline const Fields last_seen = fields("last_seen:time");
inline const Fields our_device_row = fields(
    "device_id:string? agent_version:string liveness:string mode:string description:string "
    "has_agent:boolean ssh_key_fingerprint:string reason:string");
inline const Fields device_resources = fields(
    "cpu_cores:integer cpu_threads:integer memory_gb:integer disk_gb:integer gpu:boolean "
    "mlx_capable:boolean");
inline const Fields device_use =
    fields("cpu_percent:number? memory_percent:number? disk_percent:number?");
inline const Fields device_service = fields("name:string cpu_percent:number? status:string");
inline const Fields page_of_devices =
    fields("devices:array total:integer total_pages:integer page:integer page_size:integer");

}  // namespace portoser::api::contract
