/// `WS /api/metrics/ws` (and /api/ws/metrics): samples of hosts and services, by subscription.
#pragma once

#include "common/clock.h"
#include "common/describe_json.h"
#include "controller/http/websocket.h"
#include "controller/registry/watch.h"
#include "controller/telemetry/live.h"

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

namespace portoser::http {
class Router;
}

namespace portoser::api {

class MetricsSocket : public telemetry::LiveListener {
 public:
  MetricsSocket(const registry::RegistryWatch& registry,
                const telemetry::Live& live,
                const Clock& clock)
      : registry_(registry), live_(live), clock_(clock) {}

  void add_to(http::Router& router);

  // On the core executor.
  void sample_arrived(const std::string& host) override;

 private:
  /// "service@machine", either side may be "*". "*@m" gets the host's own samples too.
  using Subscriptions = std::set<std::string>;
  using SocketPtr = std::shared_ptr<http::WebSocket>;

  asio::awaitable<void> run(SocketPtr socket);
  void answer(const SocketPtr& socket, const std::string& text);
  void subscribe(const SocketPtr& socket, const Json& message);
  void unsubscribe(const SocketPtr& socket, const Json& message);
  void send_current(const SocketPtr& socket, const Json& message) const;
  void list_subscriptions(const SocketPtr& socket);
  void send_known(const SocketPtr& socket, const Subscriptions& wanted) const;
  void send_host(const SocketPtr& socket,
                 const Subscriptions& wanted,
                 const std::string& host) const;
  void error(const SocketPtr& socket, const std::string& message) const;
  [[nodiscard]] Json stamped(std::string_view type) const;

  const registry::RegistryWatch& registry_;
  const telemetry::Live& live_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<SocketPtr, Subscriptions> clients_;
};

}  // namespace portoser::api
