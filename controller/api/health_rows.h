/// How healthy a service is, as the API shows it. Include it in sources only.
#pragma once

#include "common/clock.h"
#include "common/describe.h"
#include "controller/registry/model.h"
#include "controller/telemetry/live.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace portoser::api {

struct HealthProblem {
  std::string name;
  std::string description;
  std::string severity;  ///< high, medium
};
BOOST_DESCRIBE_STRUCT(HealthProblem, (), (name, description, severity))

struct HealthCheckView {
  std::string name;
  std::string status;  ///< passed, failed, running, none
  std::string message;
};
BOOST_DESCRIBE_STRUCT(HealthCheckView, (), (name, status, message))

struct HealthObservation {
  std::string type;  ///< success, warning, info, error
  std::string name;
  std::string message;
};
BOOST_DESCRIBE_STRUCT(HealthObservation, (), (type, name, message))

struct ServiceHealthRow {
  std::string service;
  std::string machine;               ///< empty: none
  std::string status;                ///< healthy, unhealthy, stopped, unknown
  std::string state;                 ///< running, degraded, starting, stopped, unknown
  std::optional<int> health_score;   ///< not known yet: checks of our own come later
  std::optional<std::string> trend;  ///< likewise
  std::vector<std::string> issues;
  std::vector<HealthProblem> problems;
  std::vector<HealthCheckView> checks;
  std::optional<Time> last_checked;
  std::optional<double> response_time_ms;      ///< nobody is asked for this
  std::optional<std::int64_t> uptime_seconds;  ///< see /api/uptime
  bool stale = false;                          ///< it is unknown now, and was known
};
BOOST_DESCRIBE_STRUCT(ServiceHealthRow,
                      (),
                      (service,
                       machine,
                       status,
                       state,
                       health_score,
                       trend,
                       issues,
                       problems,
                       checks,
                       last_checked,
                       response_time_ms,
                       uptime_seconds,
                       stale))

struct ServiceHealthView : ServiceHealthRow {
  std::optional<bool> healthy;  ///< none: not known
  std::vector<HealthObservation> observations;
  std::string output;  ///< the checks in words
};
BOOST_DESCRIBE_STRUCT(ServiceHealthView, (ServiceHealthRow), (healthy, observations, output))

/// `host`: null: nothing is known of it.
ServiceHealthRow health_row(const registry::Service& service, const telemetry::HostLive* host);
ServiceHealthView health_view(const registry::Service& service, const telemetry::HostLive* host);

}  // namespace portoser::api
