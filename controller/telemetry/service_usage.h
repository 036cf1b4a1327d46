/// What a service uses, from the samples of its host. Pure; any thread.
#pragma once

#include "common/clock.h"
#include "controller/telemetry/traffic.h"
#include "protocol/messages.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace portoser::telemetry {

struct HostLive;

/// All containers of a service together. Empty members are unknown.
struct ServiceUsage {
  std::optional<double> cpu_percent;  ///< of the whole machine
  std::optional<std::int64_t> memory_bytes;
  std::optional<std::int64_t> memory_total_bytes;  ///< its limit, or the host's memory without one
  std::optional<std::int64_t> receive_bytes;
  std::optional<std::int64_t> transmit_bytes;
  std::optional<double> receive_bytes_per_second;
  std::optional<double> transmit_bytes_per_second;
  std::optional<std::int64_t> block_read_bytes;  ///< of block devices, since the containers' start
  std::optional<std::int64_t> block_write_bytes;
  std::optional<double> block_read_bytes_per_second;
  std::optional<double> block_write_bytes_per_second;
};

/// The use that was measured at `at`.
struct MeasuredUsage {
  ServiceUsage usage;
  Time at;
  std::optional<std::int64_t> cpu_cores;  ///< of the host
  Traffic traffic;        ///< counted by the controller, `usage` has what the containers say
  bool is_newest = true;  ///< false: it has no container in the newest sample, this was before
};
using MeasuredUsages = std::map<std::string, MeasuredUsage, std::less<>>;

/// How the host judges the service; null when it has not said.
const protocol::ServiceState* state_of(const std::string& service, const HostLive& host);

/// As of `host.usages`; nothing when the service has no container in the newest sample.
std::optional<ServiceUsage> usage_of(const std::string& service, const HostLive& host);

/// The newest use of every service that the host is assigned: as of its newest sample, and where
/// that knows none, the one of `host.usages`.
MeasuredUsages newest_usages(const HostLive& host);

}  // namespace portoser::telemetry
