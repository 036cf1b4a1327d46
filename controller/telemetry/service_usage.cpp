#include "controller/telemetry/service_usage.h"

#include "controller/telemetry/live.h"
#include "controller/telemetry/optional_sum.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

namespace portoser::telemetry {
namespace {

/// The containers of a sample by id.
class ContainersById {
 public:
  explicit ContainersById(const protocol::Sample* sample) {
    if (sample == nullptr) return;
    containers_.reserve(sample->containers.size());
    for (const auto& container : sample->containers) containers_.push_back(&container);
    std::stable_sort(containers_.begin(), containers_.end(), [](const auto* one, const auto* two) {
      return one->id < two->id;
    });
  }

  /// Null: it is not in the sample.
  [[nodiscard]] const protocol::ContainerSample* find(const std::string& id) const {
    const auto found = std::lower_bound(
        containers_.begin(), containers_.end(), id, [](const auto* one, const std::string& wanted) {
          return one->id < wanted;
        });
    return found == containers_.end() || (*found)->id != id ? nullptr : *found;
  }

 private:
  std::vector<const protocol::ContainerSample*> containers_;
};

/// Where a host could not send all of its containers, a service of which some are missing has none
/// that name it: part of them would be a wrong sum.
bool is_counted(const protocol::ContainerSample& container,
                const std::string& service,
                const protocol::Sample& sample) {
  if (sample.containers_left_out == 0) return true;
  const auto& of = container.services;
  return std::find(of.begin(), of.end(), service) != of.end();
}

/// Counters that fell back belong to a container that was started anew: no rate for that span.
std::optional<double> rate(std::optional<std::int64_t> before,
                           std::optional<std::int64_t> after,
                           double seconds) {
  if (!before || !after || *after < *before || seconds <= 0) return std::nullopt;
  return static_cast<double>(*after - *before) / seconds;
}

std::optional<double> real(const std::optional<std::int64_t>& whole) {
  return whole ? std::optional{static_cast<double>(*whole)} : std::nullopt;
}

/// `before`: the same container in the sample before, for agents that send no rates; null: unknown.
void add_rates(ServiceUsage& usage,
               const protocol::ContainerSample& now,
               const protocol::ContainerSample* before,
               double seconds) {
  if (const auto& told = now.per_second) {
    add(usage.receive_bytes_per_second, real(told->receive));
    add(usage.transmit_bytes_per_second, real(told->transmit));
    add(usage.block_read_bytes_per_second, real(told->block_read));
    add(usage.block_write_bytes_per_second, real(told->block_write));
  } else if (before != nullptr) {
    add(usage.receive_bytes_per_second, rate(before->receive_bytes, now.receive_bytes, seconds));
    add(usage.transmit_bytes_per_second, rate(before->transmit_bytes, now.transmit_bytes, seconds));
    add(usage.block_read_bytes_per_second,
        rate(before->block_read_bytes, now.block_read_bytes, seconds));
    add(usage.block_write_bytes_per_second,
        rate(before->block_write_bytes, now.block_write_bytes, seconds));
  }
}

/// What the services of a host use, as of its newest sample, which it must have.
class Measuring {
 public:
  explicit Measuring(const HostLive& host)
      : sample_(*host.sample),
        now_(host.sample.get()),
        before_(host.previous.get()),
        seconds_(std::chrono::duration<double>(host.sample_at - host.previous_at).count()) {}

  /// Nothing when the sample has no container of it.
  [[nodiscard]] std::optional<ServiceUsage> of(const protocol::ServiceState& service) const {
    ServiceUsage usage;
    std::optional<std::int64_t> limit{0};
    bool any = false;
    for (const auto& id : service.container_ids) {
      const auto* now = now_.find(id);
      if (now == nullptr || !is_counted(*now, service.name, sample_)) continue;
      any = true;
      add(usage.cpu_percent, now->cpu_percent);
      add(usage.memory_bytes, now->memory_bytes);
      add(usage.receive_bytes, now->receive_bytes);
      add(usage.transmit_bytes, now->transmit_bytes);
      add(usage.block_read_bytes, now->block_read_bytes);
      add(usage.block_write_bytes, now->block_write_bytes);
      if (limit && now->memory_limit_bytes) {
        add(limit, now->memory_limit_bytes);
      } else {
        limit.reset();  // one container without a limit: the machine's memory is the limit of all
      }
      add_rates(usage, *now, before_.find(id), seconds_);
    }
    if (!any) return std::nullopt;
    usage.memory_total_bytes = limit;
    if (!limit && sample_.memory) usage.memory_total_bytes = sample_.memory->total_bytes;
    return usage;
  }

 private:
  const protocol::Sample& sample_;
  ContainersById now_;
  ContainersById before_;
  double seconds_;
};

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
  if (!host.usages || !host.sample) return std::nullopt;
  const auto found = host.usages->find(service);
  const bool is_newest = found != host.usages->end() && found->second.is_newest;
  return is_newest ? std::optional{found->second.usage} : std::nullopt;
}

MeasuredUsages newest_usages(const HostLive& host) {
  MeasuredUsages newest;
  if (!host.state) return newest;
  std::optional<Measuring> measuring;
  if (host.sample) measuring.emplace(host);
  for (const auto& service : host.state->services) {
    if (auto usage = measuring ? measuring->of(service) : std::nullopt) {
      MeasuredUsage measured;
      measured.usage = std::move(*usage);
      measured.at = host.sample_at;
      if (const auto cores = host.sample->cpu.core_percent.size(); cores > 0) {
        measured.cpu_cores = static_cast<std::int64_t>(cores);
      }
      newest.insert_or_assign(service.name, std::move(measured));
    } else if (host.usages) {
      const auto before = host.usages->find(service.name);
      if (before == host.usages->end()) continue;
      newest.insert(*before).first->second.is_newest = false;
    }
  }
  return newest;
}

}  // namespace portoser::telemetry
