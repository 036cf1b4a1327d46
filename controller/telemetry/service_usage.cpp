#include "controller/telemetry/service_usage.h"

#include "controller/telemetry/live.h"
#include "controller/telemetry/optional_sum.h"

#include <algorithm>
#include <chrono>

namespace portoser::telemetry {
namespace {

const protocol::ContainerSample* find_container(const protocol::Sample* sample,
                                                const std::string& id) {
  if (sample == nullptr) return nullptr;
  const auto found =
      std::find_if(sample->containers.begin(),
                   sample->containers.end(),
                   [&](const protocol::ContainerSample& one) { return one.id == id; });
  return found == sample->containers.end() ? nullptr : &*found;
}

/// Counters that fell back belong to a container that was started anew: no rate for that span.
std::optional<double> rate(std::optional<std::int64_t> before,
                           std::optional<std::int64_t> after,
                           double seconds) {
  if (!before || !after || *after < *before || seconds <= 0) return std::nullopt;
  return static_cast<double>(*after - *before) / seconds;
}

}  // namespace

const protocol::ServiceState* state_of(const std::string& service, const HostLive& host) {
  if (!host.state) return nullptr;
  const auto& all = host.state->services;
  const auto found = std::find_if(all.begin(), all.end(), [&](const protocol::ServiceState& one) {
    return one.name == service;
  });
  return found == all.end() ? nullptr : &*found;
}

std::optional<ServiceUsage> usage_of(const std::string& service, const HostLive& host) {
  const auto* state = state_of(service, host);
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
    add(usage.block_read_bytes, now->block_read_bytes);
    add(usage.block_write_bytes, now->block_write_bytes);
    if (limit && now->memory_limit_bytes) {
      *limit += *now->memory_limit_bytes;
    } else {
      limit.reset();  // one container without a limit: the machine's memory is the limit of all
    }
    if (before != nullptr) {
      add(usage.receive_bytes_per_second, rate(before->receive_bytes, now->receive_bytes, seconds));
      add(usage.transmit_bytes_per_second,
          rate(before->transmit_bytes, now->transmit_bytes, seconds));
      add(usage.block_read_bytes_per_second,
          rate(before->block_read_bytes, now->block_read_bytes, seconds));
      add(usage.block_write_bytes_per_second,
          rate(before->block_write_bytes, now->block_write_bytes, seconds));
    }
  }
  if (!any) return std::nullopt;
  usage.memory_total_bytes = limit;
  if (!limit && host.sample->memory) usage.memory_total_bytes = host.sample->memory->total_bytes;
  return usage;
}

MeasuredUsages newest_usages(const HostLive& host) {
  MeasuredUsages newest;
  if (!host.state) return newest;
  for (const auto& service : host.state->services) {
    if (auto usage = usage_of(service.name, host)) {
      MeasuredUsage measured;
      measured.usage = std::move(*usage);
      measured.at = host.sample_at;
      if (const auto cores = host.sample->cpu.core_percent.size(); cores > 0) {
        measured.cpu_cores = static_cast<std::int64_t>(cores);
      }
      newest.insert_or_assign(service.name, std::move(measured));
    } else if (host.usages) {
      const auto before = host.usages->find(service.name);
      if (before != host.usages->end()) newest.insert(*before);
    }
  }
  return newest;
}

}  // namespace portoser::telemetry
