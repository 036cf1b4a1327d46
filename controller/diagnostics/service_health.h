/// How healthy a service is, judged from its containers and their health checks. Pure; any thread.
#pragma once

#include "controller/registry/model.h"
#include "controller/telemetry/live.h"

#include <optional>
#include <string>
#include <vector>

namespace portoser::diagnostics {

/// One thing that was looked at.
struct Check {
  std::string name;     ///< containers, healthcheck
  std::string status;   ///< passed, failed, running (no verdict yet), none (there is no such check)
  std::string message;  ///< what was found, for people
};

struct ServiceHealth {
  /// healthy: its containers run and no health check fails; unhealthy; stopped; unknown
  std::string status = "unknown";
  /// The finer word: running, degraded (some of its containers are down or paused, or a health
  /// check fails), starting, stopped, unknown
  std::string state = "unknown";
  std::string reason;                ///< why it is not healthy; empty otherwise
  std::vector<Check> checks;         ///< none while nothing is known
  std::optional<Time> last_checked;  ///< the last moment of which anything is known
  bool stale = false;                ///< it is unknown now, and was known
};

/// `host` is null when nothing was heard of it.
ServiceHealth health_of(const registry::Service& service, const telemetry::HostLive* host);

}  // namespace portoser::diagnostics
