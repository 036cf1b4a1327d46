#include "controller/telemetry/service_view.h"

#include "controller/telemetry/optional_sum.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>

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

std::optional<LastKnown> last_known_of(const registry::Service& service, const HostLive* host) {
  if (service.quarantined() || host == nullptr || !host->state) return std::nullopt;
  const bool is_offline = host->liveness == fleet::Liveness::offline;
  // Without the engine nothing is missing of what it does not run.
  const bool is_watched =
      host->state->engine_available || service.deployment_type != registry::DeploymentType::docker;
  if (is_watched && !is_offline) return std::nullopt;
  LastKnown last;
  if (is_watched) {
    // It was so until the host fell silent.
    last.at = host->sample ? std::max(host->sample_at, host->state_at) : host->state_at;
  } else {
    last.at = host->engine_sign_at;
  }
  const auto& known = is_watched ? host->state : host->last_known;
  if (!known) return last;
  const auto& services = known->services;
  const auto found = std::find_if(
      services.begin(), services.end(), [&](const auto& one) { return one.name == service.name; });
  if (found != services.end() && found->status != "unknown") last.status = found->status;
  return last;
}

bool is_whole(const protocol::Sample& sample) {
  return sample.memory && sample.cpu.load_1;
}

std::vector<protocol::CollectProblem> problems_of(const HostLive& host) {
  std::vector<protocol::CollectProblem> problems;
  if (host.sample) problems = host.sample->problems;
  const auto add_left_out = [&](std::int64_t count, std::string_view where) {
    if (count <= 0) return;
    problems.push_back({"containers",
                        std::to_string(count) + " containers are not in its " + std::string{where} +
                            ": a message does not hold so many"});
  };
  if (host.sample) add_left_out(host.sample->containers_left_out, "samples");
  if (host.state) add_left_out(host.state->containers_left_out, "list of containers");
  return problems;
}

const protocol::DiskSample* main_disk(const protocol::Sample& sample) {
  const protocol::DiskSample* best = nullptr;
  for (const auto& disk : sample.disks) {
    if (disk.mount == "/") return &disk;
    if (best == nullptr || disk.total_bytes > best->total_bytes) best = &disk;
  }
  return best;
}

std::optional<double> temperature_of(const protocol::Sample& sample) {
  std::optional<double> hottest;
  for (const auto& one : sample.temperatures) {
    if (!std::isfinite(one.celsius)) continue;
    hottest = hottest ? std::max(*hottest, one.celsius) : one.celsius;
  }
  return hottest;
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

HostStanding standing_of(fleet::Liveness liveness) {
  switch (liveness) {
    case fleet::Liveness::online:
      return HostStanding::online;
    case fleet::Liveness::stale:
      return HostStanding::stale;
    case fleet::Liveness::offline:
      return HostStanding::offline;
    case fleet::Liveness::unknown:
      return HostStanding::unknown;
  }
  return HostStanding::unknown;
}

bool is_current(const HostLive& host, Time now) {
  return host.sample && host.liveness == fleet::Liveness::online &&
         now - host.sample_at <= host.fresh_for;
}

HostStanding standing_of(const HostLive* host, Time now) {
  if (host == nullptr) return HostStanding::unknown;
  const auto standing = standing_of(host->liveness);
  if (standing == HostStanding::unknown || standing == HostStanding::offline || !host->sample) {
    return standing;
  }
  if (!is_whole(*host->sample)) return HostStanding::failing;
  return is_current(*host, now) ? standing : HostStanding::stale;
}

HostMetricsStatus metrics_status_of(const HostLive* host, Time now) {
  const auto standing = standing_of(host, now);
  HostMetricsStatus status;
  if (host != nullptr && host->sample) {
    status.age_seconds =
        std::max(std::chrono::duration<double>(now - host->sample_at).count(), 0.0);
    status.stale = !is_current(*host, now);
  }
  if (standing == HostStanding::offline) {
    constexpr double just_gone_seconds = 300;
    const bool just_gone = status.age_seconds && *status.age_seconds < just_gone_seconds;
    status.status = just_gone ? "unavailable" : "offline";
    status.error = "the host's agent is not connected";
  } else if (standing == HostStanding::unknown || !status.age_seconds) {
    status.status = "unavailable";
    status.error = "no sample was received from this host";
  } else if (standing == HostStanding::failing) {
    const auto& problems = host->sample->problems;
    status.status = "error";
    status.error =
        problems.empty() ? "the agent could not read the host" : problems.front().message;
  } else {
    status.status = "ok";
  }
  return status;
}

std::string device_status(HostStanding standing) {
  switch (standing) {
    case HostStanding::online:
      return "online";
    case HostStanding::stale:
    case HostStanding::failing:
      return "warning";
    case HostStanding::offline:
      return "offline";
    case HostStanding::unknown:
      return "unknown";
  }
  return "unknown";
}

}  // namespace portoser::telemetry
