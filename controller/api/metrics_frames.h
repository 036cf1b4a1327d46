/// The frames of the metrics sockets, serialised once for all clients. Any thread.
#pragma once

#include "common/clock.h"
#include "controller/registry/watch.h"
#include "controller/telemetry/live.h"

#include <map>
#include <memory>
#include <mutex>
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
  MetricsFrames(const registry::RegistryWatch& registry, const Clock& clock)
      : registry_(registry), clock_(clock) {}

  /// Of a host of which this is known. Null: nothing was measured there. What was serialised for
  /// another client less than a second ago is used again while there is no newer sample.
  std::shared_ptr<const HostFrames> of(const std::string& host, const telemetry::HostLive& live);
  /// The host was removed.
  void forget(const std::string& host);

 private:
  struct Made {
    std::shared_ptr<const protocol::Sample> sample;
    std::shared_ptr<const registry::Registry> registry;
    Uptime at{};
    std::shared_ptr<const HostFrames> frames;
  };
  [[nodiscard]] std::shared_ptr<const HostFrames> make(const std::string& host,
                                                       const telemetry::HostLive& live,
                                                       const registry::Registry& registry) const;

  const registry::RegistryWatch& registry_;
  const Clock& clock_;
  std::mutex mutex_;                  // guards the next one; not held while anything is serialised
  std::map<std::string, Made> made_;  // by host; as many as have an agent
};

}  // namespace portoser::api
