/// Asks a service whether it is well, in the way that registry.yml names. Blocking; any thread.
#pragma once

#include "protocol/commands.h"

#include <chrono>
#include <functional>
#include <string>

namespace portoser::agent::deployments {

struct ProbeAnswer {
  bool is_well = false;
  /// A sentence: "GET http://192.0.2.22:8090/healthz answers 503; 200 is right". Without the query
  /// of the path, which may hold a secret.
  std::string text;
};

/// One attempt, which takes no longer than the probe says, nor than `limit`; the look-up of a name
/// comes on top. Never throws for what it is answered.
ProbeAnswer ask_probe(const protocol::HealthProbe& probe, std::chrono::milliseconds limit);

using AskProbe =
    std::function<ProbeAnswer(const protocol::HealthProbe& probe, std::chrono::milliseconds limit)>;

}  // namespace portoser::agent::deployments
