/// Devices: registration and heartbeats (on both listeners), the list, discovery.
#pragma once

#include "common/tasks.h"
#include "controller/api/device_rows.h"
#include "controller/api/service_rows.h"
#include "controller/fleet/fleet.h"
#include "controller/http/call.h"
#include "controller/http/response.h"

namespace portoser::http {
class Router;
}

namespace portoser::api {

struct HeartbeatRequest;
struct HeartbeatAnswer;

class DevicesApi {
 public:
  /// `core`: the fleet's executor.
  DevicesApi(fleet::Fleet& fleet,
             const registry::RegistryWatch& registry,
             const telemetry::Live& live,
             const ServiceRows& services,
             const Clock& clock,
             asio::any_io_executor core)
      : fleet_(fleet),
        registry_(registry),
        live_(live),
        services_(services),
        clock_(clock),
        core_(std::move(core)) {}

  void add_to(http::Router& router);
  // All that the joining listener serves.
  /// Under its old paths too.
  void add_registration_to(http::Router& router);
  void add_heartbeat_to(http::Router& router);

 private:
  http::Response list(http::Call<void> call);
  http::Response detail(http::Call<void> call);
  fleet::Discovery discover(http::Call<void> call);
  asio::awaitable<HeartbeatAnswer> heartbeat(http::Call<HeartbeatRequest> call);
  /// Every device, and behind them the hosts of the registry that never joined; last those that
  /// wait to be let in: anybody may ask for that, and hides nobody.
  [[nodiscard]] std::vector<DeviceRow> all_rows() const;
  asio::awaitable<http::Answer<fleet::RegistrationAnswer>> register_device(
      http::Call<fleet::RegistrationRequest> call);

  fleet::Fleet& fleet_;
  const registry::RegistryWatch& registry_;
  const telemetry::Live& live_;
  const ServiceRows& services_;
  const Clock& clock_;
  asio::any_io_executor core_;
};

}  // namespace portoser::api
