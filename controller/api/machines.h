/// /api/machines: the hosts of the registry, with what their agents say.
#pragma once

#include "controller/api/service_rows.h"
#include "controller/fleet/fleet.h"
#include "controller/http/call.h"
#include "controller/http/response.h"

namespace portoser::http {
class Router;
}

namespace portoser::api {

struct MachineList;

class MachinesApi {
 public:
  MachinesApi(const registry::RegistryWatch& registry,
              const telemetry::Live& live,
              const fleet::Fleet& fleet,
              const ServiceRows& services,
              const Clock& clock)
      : registry_(registry), live_(live), fleet_(fleet), services_(services), clock_(clock) {}

  void add_to(http::Router& router);

 private:
  MachineList list(http::Call<void> call);
  http::Response detail(http::Call<void> call);

  const registry::RegistryWatch& registry_;
  const telemetry::Live& live_;
  const fleet::Fleet& fleet_;
  const ServiceRows& services_;
  const Clock& clock_;
};

}  // namespace portoser::api
