#include "controller/api/device_rows.h"

#include "controller/api/host_reason.h"
#include "controller/fleet/device_address.h"
#include "controller/registry/masked.h"
#include "controller/telemetry/service_view.h"

#include <algorithm>
#include <cmath>

namespace portoser::api {
namespace {

std::optional<double> percent(std::int64_t part, std::int64_t whole) {
  if (whole <= 0) return std::nullopt;
  return 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

DeviceUse use_of(const fleet::Device& device, const telemetry::HostLive* live, Time now) {
  DeviceUse use;
  if (!device.has_agent) {
    const bool is_heard =
        device.liveness == fleet::Liveness::online || device.liveness == fleet::Liveness::stale;
    if (!is_heard) return use;
    const auto& reported = device.reported;
    return {reported.cpu_percent, reported.memory_percent, reported.disk_percent};
  }
  // What it used last says nothing of now.
  if (live == nullptr || !telemetry::is_current(*live, now)) return use;
  const auto& sample = *live->sample;
  use.cpu_percent = sample.cpu.percent;
  if (sample.memory) {
    use.memory_percent = percent(sample.memory->total_bytes - sample.memory->available_bytes,
                                 sample.memory->total_bytes);
  }
  if (const auto* disk = telemetry::main_disk(sample)) {
    use.disk_percent = percent(disk->used_bytes, disk->total_bytes);
  }
  return use;
}

/// Rounded.
std::int64_t in_gibibytes(std::int64_t bytes) {
  constexpr std::int64_t gibibyte = 1 << 30;
  return bytes / gibibyte + (bytes % gibibyte >= gibibyte / 2 ? 1 : 0);
}

/// Of a host that is not asked: what registry.yml says. It is for display only there.
fleet::DeviceResources resources_of(const registry::Resources& said) {
  fleet::DeviceResources resources;
  resources.cpu_cores = said.cpu_cores.value_or(0);
  resources.cpu_threads = said.cpu_threads.value_or(0);
  resources.memory_gb = std::llround(said.memory_gb.value_or(0));
  resources.disk_gb = std::llround(said.disk_gb.value_or(0));
  resources.mlx_capable = said.mlx_capable.value_or(false);
  resources.gpu = said.gpu && *said.gpu != "false" && *said.gpu != "none";
  return resources;
}

DeviceRow told_by(const fleet::Device& device) {
  DeviceRow row;
  row.id = device.name;
  row.device_id = device.id;
  row.name = device.name;
  row.hostname = device.name;
  const auto or_unknown = [](const std::string& text) { return text.empty() ? "unknown" : text; };
  row.arch = or_unknown(device.facts.arch);
  row.os = or_unknown(device.facts.os);
  row.os_version = or_unknown(device.facts.os_version);
  row.liveness = enum_name(device.liveness);
  row.mode = enum_name(device.mode);
  row.approval_status = enum_name(device.approval);
  row.approved_at = device.approved_at;
  row.owner_user_id = device.owner;
  row.description = device.declared.description;
  row.has_agent = device.has_agent;
  const auto& ssh_user = device.declared.ssh_user;
  row.ssh_user = ssh_user.empty() ? device.facts.ssh_user : ssh_user;
  row.ssh_key_fingerprint = device.declared.ssh_key_fingerprint;
  row.resources.cpu_cores = device.facts.cpu_cores;
  row.resources.cpu_threads = device.facts.cpu_threads;
  row.resources.memory_gb = in_gibibytes(device.facts.memory_bytes);
  row.resources.disk_gb = in_gibibytes(device.facts.disk_bytes);
  row.resources.gpu = device.declared.gpu;
  row.resources.mlx_capable = device.declared.mlx_capable;
  if (const auto& said = device.declared.resources) {
    row.resources.cpu_cores = said->cpu_cores.value_or(row.resources.cpu_cores);
    row.resources.cpu_threads = said->cpu_threads.value_or(row.resources.cpu_threads);
    row.resources.memory_gb = said->memory_gb.value_or(row.resources.memory_gb);
    row.resources.disk_gb = said->disk_gb.value_or(row.resources.disk_gb);
  }
  row.labels = device.declared.labels;
  row.capabilities = device.declared.capabilities;
  const bool says_docker = std::find(row.capabilities.begin(), row.capabilities.end(), "docker") !=
                           row.capabilities.end();
  if (!device.facts.engine_version.empty() && !says_docker) row.capabilities.emplace_back("docker");
  row.registered_at = to_rfc3339(device.registered_at);
  row.last_seen_at = device.last_seen;
  row.last_seen = device.last_seen.value_or(device.registered_at);
  row.agent_version = device.agent_version;
  return row;
}

}  // namespace

std::string device_status(const fleet::Device& device, const telemetry::HostLive* live, Time now) {
  const auto over = fleet::status_over_liveness(device);
  return over.empty() ? telemetry::device_status(telemetry::standing_of(live, now)) : over;
}

DeviceRow device_row(const fleet::Device& device,
                     const registry::Registry& registry,
                     const telemetry::HostLive* live,
                     const ServiceRows& services,
                     Time now) {
  auto row = told_by(device);
  row.status = device_status(device, live, now);
  row.reason = reason_not_online(&device, live == nullptr ? device.liveness : live->liveness);
  if (row.reason.empty() && row.status == "warning") {
    const auto metrics = telemetry::metrics_status_of(live, now);
    row.reason = metrics.error.empty() ? "the agent is heard and sends no samples" : metrics.error;
  }
  row.metrics = use_of(device, live, now);
  static_cast<DeviceUse&>(row) = row.metrics;
  if (const auto* host = registry.find_host(device.name)) row.assigned_roles = host->roles;
  row.ip = fleet::address_of(device, registry);
  row.ip_address = row.ip;
  const bool is_measured = live != nullptr && telemetry::is_current(*live, now);
  for (const auto* service : registry.services_on(device.name)) {
    const auto usage = is_measured ? telemetry::usage_of(service->name, *live) : std::nullopt;
    row.services.push_back({service->name,
                            usage ? usage->cpu_percent : std::nullopt,
                            services.row(registry, *service).status});
  }
  row.service_count = static_cast<std::int64_t>(row.services.size());
  return row;
}

DeviceRow row_of_never_joined(const registry::Host& host,
                              const registry::Registry& registry,
                              const ServiceRows& services) {
  DeviceRow row;
  row.id = host.name;
  row.name = host.name;
  row.hostname = host.name;
  row.ip = host.ip;
  row.ip_address = host.ip;
  // "darwin/arm64"
  const auto slash = host.arch.find('/');
  row.os = slash == std::string::npos ? "unknown" : host.arch.substr(0, slash);
  row.arch = slash == std::string::npos ? host.arch : host.arch.substr(slash + 1);
  if (row.arch.empty()) row.arch = "unknown";
  row.os_version = "unknown";
  row.status = telemetry::device_status(telemetry::HostStanding::unknown);
  row.reason = reason_not_online(nullptr, fleet::Liveness::unknown);
  row.liveness = enum_name(fleet::Liveness::unknown);
  row.mode = enum_name(fleet::DeviceMode::normal);
  // As the contract has it of a host that nobody was asked about: registry.yml names it.
  row.approval_status = enum_name(fleet::Approval::approved);
  row.description = registry::mask_text(host.description);
  row.ssh_user = host.ssh_user;
  row.assigned_roles = host.roles;
  if (host.resources) row.resources = resources_of(*host.resources);
  for (const auto* service : registry.services_on(host.name)) {
    row.services.push_back({service->name, std::nullopt, services.row(registry, *service).status});
  }
  row.service_count = static_cast<std::int64_t>(row.services.size());
  return row;
}

}  // namespace portoser::api
