/// A service and a host as people are shown them: computed from the registry and what is live.
/// Pure; any thread.
#pragma once

#include "controller/registry/model.h"
#include "controller/telemetry/live.h"
#include "controller/telemetry/service_usage.h"

#include <optional>
#include <string>
#include <vector>

namespace portoser::telemetry {

struct ServiceStatus {
  std::string status;  ///< running, stopped, unknown
  std::string health;  ///< healthy, unhealthy, stopped, unknown
  std::string reason;  ///< why it is unknown or unhealthy; may be empty
};

/// Of what is not known just now: how it stood when it was known last.
struct LastKnown {
  std::string status;  ///< running, stopped; empty: it never was since the controller started
  std::optional<Time> at;
};

/// None: what `status_of` says is how it is now, or nobody can be asked.
std::optional<LastKnown> last_known_of(const registry::Service& service, const HostLive* host);

/// `host` is null when nothing is known of it.
ServiceStatus status_of(const registry::Service& service, const HostLive* host);

/// False: the agent could not read the host.
bool is_whole(const protocol::Sample& sample);

/// What the host's agent says it could not read, and what it could not send.
std::vector<protocol::CollectProblem> problems_of(const HostLive& host);

/// The disk that stands for the host: the one mounted at "/", else the largest. Null without any.
const protocol::DiskSample* main_disk(const protocol::Sample& sample);

/// Of the hottest sensor. Empty: the host has none.
std::optional<double> temperature_of(const protocol::Sample& sample);

/// All interfaces together. Empty: no interface is known.
struct NetworkTotals {
  std::optional<std::int64_t> receive_bytes;
  std::optional<std::int64_t> transmit_bytes;
  std::optional<double> receive_bytes_per_second;
  std::optional<double> transmit_bytes_per_second;
};
NetworkTotals network_of(const protocol::Sample& sample);

/// How a host stands: the one judgement behind the words of all answers.
enum class HostStanding {
  unknown,  ///< not heard since the controller started
  online,
  stale,    ///< silent, or without a new sample, for longer than `HostLive::fresh_for`
  failing,  ///< its agent says that it cannot read the host
  offline,
};
/// `host` is null when nothing is known of it.
HostStanding standing_of(const HostLive* host, Time now);
/// By liveness alone, where no sample is at hand.
HostStanding standing_of(fleet::Liveness liveness);

/// The newest sample says how the host is now: it is heard, and no sample since is missing. The API
/// marks every other one as `stale`, and the Prometheus page shows none of it.
bool is_current(const HostLive& host, Time now);

/// How a host's metrics stand, in the words of /api/metrics: ok, error, unavailable, offline.
struct HostMetricsStatus {
  std::string status;
  std::string error;  ///< empty when it is ok
  bool stale = false;
  std::optional<double> age_seconds;
};
HostMetricsStatus metrics_status_of(const HostLive* host, Time now);

/// In the words of /api/devices; /api/machines has the names of the liveness.
std::string device_status(HostStanding standing);

}  // namespace portoser::telemetry
