/// `WS /api/metrics/ws` (and /api/ws/metrics): samples of hosts and services, by subscription.
#pragma once

#include "common/clock.h"
#include "common/describe_json.h"
#include "controller/api/metrics_frames.h"
#include "controller/api/metrics_subscriptions.h"
#include "controller/http/websocket.h"
#include "controller/registry/watch.h"
#include "controller/telemetry/live.h"

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace portoser::http {
class Router;
}

namespace portoser::api {

class MetricsSocket : public telemetry::LiveListener {
 public:
  MetricsSocket(const registry::RegistryWatch& registry,
                const telemetry::Live& live,
                const Clock& clock)
      : registry_(registry), live_(live), clock_(clock), frames_(registry, clock) {}

  void add_to(http::Router& router);

  // On the core executor.
  void sample_arrived(const std::string& host) override;
  void device_changed(const fleet::DeviceEvent& event) override;

 private:
  using SocketPtr = std::shared_ptr<http::WebSocket>;
  /// A sample that was handed out before a client wanted it.
  struct Known {
    std::string host;
    std::shared_ptr<const protocol::Sample> sample;
  };

  asio::awaitable<void> run(SocketPtr socket);
  asio::awaitable<void> listen(SocketPtr socket);
  asio::awaitable<void> answer(SocketPtr socket, std::string text);
  asio::awaitable<void> subscribe(SocketPtr socket, Json message);
  void unsubscribe(const SocketPtr& socket, const Json& message);
  void send_current(const SocketPtr& socket, const Json& message) const;
  void list_subscriptions(const SocketPtr& socket);
  /// With the lock held.
  [[nodiscard]] std::vector<Known> known_of(const MetricsSubscriptions::Patterns& patterns) const;
  asio::awaitable<void> send_known(SocketPtr socket,
                                   MetricsSubscriptions before,
                                   std::vector<Known> known);
  void send_known(const SocketPtr& socket, const MetricsSubscriptions& before, const Known& known);
  void forget(const SocketPtr& socket);
  void error(const SocketPtr& socket, const std::string& message) const;

  const registry::RegistryWatch& registry_;
  const telemetry::Live& live_;
  const Clock& clock_;
  std::mutex mutex_;  // held while values are handed out, so that none comes after "unsubscribed"
  MetricsFrames frames_;
  std::map<SocketPtr, MetricsSubscriptions> clients_;
  /// The newest sample of each host that was handed out. One that is newer comes in a moment, to
  /// all, and must not come twice.
  std::map<std::string, std::shared_ptr<const protocol::Sample>> handed_out_;
  SubscriptionCounts counts_;
};

}  // namespace portoser::api
