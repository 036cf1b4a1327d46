/// The frames of the metrics sockets, serialised once for all clients. Not thread-safe.
#pragma once

#include "common/clock.h"
#include "controller/registry/watch.h"
#include "controller/telemetry/live.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace portoser::api {

using FrameText = std::shared_ptr<const std::string>;

/// What there is to tell of one host.
struct HostFrames {
  struct OfService {
    std::string pair;      ///< "s@m"
    std::string anywhere;  ///< "s@*"
    std::string key;       ///< of the value, for `WebSocket::send_latest`
    FrameText text;
  };
  std::string on_machine;  ///< "*@m"
  std::string key;
  FrameText text;
  std::vector<OfService> services;
};

class MetricsFrames {
 public:
  MetricsFrames(const registry::RegistryWatch& registry,
                const telemetry::Live& live,
                const Clock& clock)
      : registry_(registry), live_(live), clock_(clock) {}

  /// Null: nothing was measured there. What was serialised for another client less than a second
  /// ago is used again while there is no newer sample.
  std::shared_ptr<const HostFrames> of(const std::string& host);
  /// The host was removed.
  void forget(const std::string& host) { made_.erase(host); }

 private:
  struct Made {
    std::shared_ptr<const protocol::Sample> sample;
    std::shared_ptr<const registry::Registry> registry;
    Uptime at{};
    std::shared_ptr<const HostFrames> frames;
  };
  [[nodiscard]] std::shared_ptr<const HostFrames> make(const std::string& host,
                                                       const registry::Registry& registry) const;

  const registry::RegistryWatch& registry_;
  const telemetry::Live& live_;
  const Clock& clock_;
  std::map<std::string, Made> made_;  // by host; as many as have an agent
};

}  // namespace portoser::api
