#include "controller/telemetry/service_view.h"

#include <algorithm>
#include <map>

namespace portoser::telemetry {
namespace {

const protocol::ServiceState* find_state(const std::string& service, const HostLive& host) {
  if (!host.state) return nullptr;
  const auto& all = host.state->services;
  const auto found = std::find_if(all.begin(), all.end(), [&](const protocol::ServiceState& one) {
    return one.name == service;
  });
  return found == all.end() ? nullptr : &*found;
}

const protocol::ContainerSample* find_container(const protocol::Sample* sample,
                                                const std::string& id) {
  if (sample == nullptr) return nullptr;
  const auto found =
      std::find_if(sample->containers.begin(),
                   sample->containers.end(),
                   [&](const protocol::ContainerSample& one) { return one.id == id; });
  return found == sample->containers.end() ? nullptr : &*found;
}

template <class T>
void add(std::optional<T>& sum, const std::optional<T>& value) {
  if (value) sum = sum.value_or(T{}) + *value;
}

/// Counters that fell back belong to a container that was started anew: no rate for that span.
std::optional<double> rate(std::optional<std::int64_t> before,
                           std::optional<std::int64_t> after,
                           double seconds) {
  if (!before || !after || *after < *before || seconds <= 0) return std::nullopt;
  return static_cast<double>(*after - *before) / seconds;
}

}  // namespace

ServiceStatus status_of(const registry::Service& service, const HostLive* host) {
  if (service.quarantined()) return {"unknown", "unknown", "its entry in registry.yml is broken"};
  if (!service.current_host) return {"unknown", "unknown", "it is assigned to no host"};
  if (host == nullptr || host->liveness == fleet::Liveness::unknown || !host->state) {
    return {"unknown", "unknown", "nothing was heard of its host yet"};
  }
  if (host->liveness == fleet::Liveness::offline) {
    return {"unknown", "unknown", "its host is offline"};
  }
  const auto* state = find_state(service.name, *host);
  if (state == nullptr) return {"unknown", "unknown", "its host has not reported it yet"};
  if (state->status == "stopped") return {"stopped", "stopped", state->reason};
  const bool is_known = state->health == "healthy" || state->health == "unhealthy";
  return {state->status, is_known ? state->health : "unknown", state->reason};
}

std::optional<ServiceUsage> usage_of(const std::string& service, const HostLive& host) {
  const auto* state = find_state(service, host);
  if (state == nullptr || !host.sample) return std::nullopt;
  const auto seconds = std::chrono::duration<double>(host.sample_at - host.previous_at).count();
  ServiceUsage usage;
  std::optional<std::int64_t> limit{0};
  bool any = false;
  for (const auto& id : state->container_ids) {
    const auto* now = find_container(host.sample.get(), id);
    if (now == nullptr) continue;
    any = true;
    const auto* before = find_container(host.previous.get(), id);
    add(usage.cpu_percent, now->cpu_percent);
    add(usage.memory_bytes, now->memory_bytes);
    add(usage.receive_bytes, now->receive_bytes);
    add(usage.transmit_bytes, now->transmit_bytes);
    if (limit && now->memory_limit_bytes) {
      *limit += *now->memory_limit_bytes;
    } else {
      limit.reset();  // one container without a limit: the machine's memory is the limit of all
    }
    if (before != nullptr) {
      add(usage.receive_bytes_per_second, rate(before->receive_bytes, now->receive_bytes, seconds));
      add(usage.transmit_bytes_per_second,
          rate(before->transmit_bytes, now->transmit_bytes, seconds));
    }
  }
  if (!any) return std::nullopt;
  usage.memory_total_bytes = limit;
  if (!limit && host.sample->memory) usage.memory_total_bytes = host.sample->memory->total_bytes;
  return usage;
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
    totals.receive_bytes += network.receive_bytes;
    totals.transmit_bytes += network.transmit_bytes;
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
  if (!host->sample->memory || !host->sample->cpu.load_1) {
    const auto& problems = host->sample->problems;
    return {"error",
            problems.empty() ? "the agent could not read the host" : problems.front().message,
            is_stale,
            age};
  }
  return {"ok", "", is_stale, age};
}

std::string machine_status(fleet::Liveness liveness) {
  return enum_name(liveness);
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
