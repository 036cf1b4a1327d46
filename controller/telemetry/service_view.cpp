#include "controller/telemetry/service_view.h"

#include "controller/telemetry/optional_sum.h"

#include <algorithm>

namespace portoser::telemetry {

ServiceStatus status_of(const registry::Service& service, const HostLive* host) {
  if (service.quarantined()) return {"unknown", "unknown", "its entry in registry.yml is broken"};
  if (!service.current_host) return {"unknown", "unknown", "it is assigned to no host"};
  if (host == nullptr || host->liveness == fleet::Liveness::unknown || !host->state) {
    return {"unknown", "unknown", "nothing was heard of its host yet"};
  }
  if (host->liveness == fleet::Liveness::offline) {
    return {"unknown", "unknown", "its host is offline"};
  }
  const auto* state = state_of(service.name, *host);
  if (state == nullptr) return {"unknown", "unknown", "its host has not reported it yet"};
  if (state->status == "stopped") return {"stopped", "stopped", state->reason};
  const bool is_known = state->health == "healthy" || state->health == "unhealthy";
  return {state->status, is_known ? state->health : "unknown", state->reason};
}

bool is_whole(const protocol::Sample& sample) {
  return sample.memory && sample.cpu.load_1;
}

const protocol::DiskSample* main_disk(const protocol::Sample& sample) {
  const protocol::DiskSample* best = nullptr;
  for (const auto& disk : sample.disks) {
    if (disk.mount == "/") return &disk;
    if (best == nullptr || disk.total_bytes > best->total_bytes) best = &disk;
  }
  return best;
}

NetworkTotals network_of(const protocol::Sample& sample) {
  NetworkTotals totals;
  for (const auto& network : sample.networks) {
    add(totals.receive_bytes, std::optional{network.receive_bytes});
    add(totals.transmit_bytes, std::optional{network.transmit_bytes});
    add(totals.receive_bytes_per_second, network.receive_bytes_per_second);
    add(totals.transmit_bytes_per_second, network.transmit_bytes_per_second);
  }
  return totals;
}

HostMetricsStatus metrics_status_of(const HostLive* host, Time now) {
  if (host == nullptr || !host->sample) {
    return {"unavailable", "no sample was received from this host", false, std::nullopt};
  }
  const auto age = std::max(std::chrono::duration<double>(now - host->sample_at).count(), 0.0);
  const bool is_stale = now - host->sample_at > stale_after;
  if (host->liveness == fleet::Liveness::offline) {
    constexpr double just_gone_seconds = 300;
    return {age < just_gone_seconds ? "unavailable" : "offline",
            "the host's agent is not connected",
            true,
            age};
  }
  if (!is_whole(*host->sample)) {
    const auto& problems = host->sample->problems;
    return {"error",
            problems.empty() ? "the agent could not read the host" : problems.front().message,
            is_stale,
            age};
  }
  return {"ok", "", is_stale, age};
}

std::string device_status(const HostLive* host) {
  if (host == nullptr) return "unknown";
  switch (host->liveness) {
    case fleet::Liveness::online:
      return host->sample && !host->sample->memory ? "warning" : "online";
    case fleet::Liveness::stale:
      return "warning";
    case fleet::Liveness::offline:
      return "offline";
    case fleet::Liveness::unknown:
      return "unknown";
  }
  return "unknown";
}

}  // namespace portoser::telemetry
