/// `WS /ws/devices`: hosts that join, change, come, go and give a sign, by subscription.
#pragma once

#include "common/clock.h"
#include "common/describe_json.h"
#include "controller/fleet/fleet.h"
#include "controller/http/websocket.h"
#include "controller/registry/watch.h"
#include "controller/telemetry/live.h"

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

namespace portoser::http {
class Router;
}

namespace portoser::api {

class DevicesSocket : public telemetry::LiveListener {
 public:
  DevicesSocket(const registry::RegistryWatch& registry,
                const telemetry::Live& live,
                const fleet::Fleet& fleet,
                const Clock& clock)
      : registry_(registry), live_(live), fleet_(fleet), clock_(clock) {}

  void add_to(http::Router& router);

  // On the core executor.
  void liveness_changed(const std::string& host,
                        fleet::Liveness before,
                        fleet::Liveness after,
                        std::optional<Time> last_seen) override;
  void device_changed(const fleet::DeviceEvent& event) override;

 private:
  using SocketPtr = std::shared_ptr<http::WebSocket>;
  using Hosts = std::set<std::string, std::less<>>;  ///< "*": all

  asio::awaitable<void> run(SocketPtr socket);
  asio::awaitable<void> listen(SocketPtr socket);
  void answer(const SocketPtr& socket, const std::string& text);
  void subscribe(const SocketPtr& socket, const std::string& host);
  void unsubscribe(const SocketPtr& socket, const std::string& host);
  [[nodiscard]] Json list_of(const std::string& host) const;
  // With the lock held.
  [[nodiscard]] bool is_wanted(const std::string& host) const;
  void tell(const std::string& host, std::string frame);

  const registry::RegistryWatch& registry_;
  const telemetry::Live& live_;
  const fleet::Fleet& fleet_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<SocketPtr, Hosts> clients_;
};

}  // namespace portoser::api
