/// Small public endpoints: /ping, /health, /api/health, /api/config.
#pragma once

#include "common/clock.h"
#include "controller/http/call.h"
#include "controller/http/response.h"
#include "controller/registry/watch.h"
#include "controller/storage/database.h"

namespace portoser::http {
class Router;
}

namespace portoser::api {

struct Health;
struct BriefHealth;
struct UiConfig;

class SystemApi {
 public:
  SystemApi(const registry::RegistryWatch& registry,
            const storage::Database& database,
            const Clock& clock)
      : registry_(registry), database_(database), clock_(clock) {}

  void add_to(http::Router& router);

 private:
  http::Response ping(http::Call<void> call);
  Health health(http::Call<void> call);
  BriefHealth api_health(http::Call<void> call);
  UiConfig config(http::Call<void> call);

  const registry::RegistryWatch& registry_;
  const storage::Database& database_;
  const Clock& clock_;
};

}  // namespace portoser::api
