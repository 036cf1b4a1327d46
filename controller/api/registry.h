/// /api/registry: the text of registry.yml, what another text would do, and the texts before.
#pragma once

#include "controller/http/call.h"
#include "controller/http/response.h"
#include "controller/registry/editor.h"

namespace portoser::http {
class Router;
}

namespace portoser::api {

struct RegistryTextRequest;
struct RegistryPreview;
struct RegistryReloaded;
struct RegistryHistory;

class RegistryApi {
 public:
  RegistryApi(registry::RegistryWatch& registry, registry::RegistryEditor& editor)
      : registry_(registry), editor_(editor) {}

  void add_to(http::Router& router);

 private:
  asio::awaitable<http::Response> text(http::Call<void> call);
  asio::awaitable<http::Response> replace(http::Call<RegistryTextRequest> call);
  asio::awaitable<RegistryPreview> validate(http::Call<RegistryTextRequest> call);
  asio::awaitable<RegistryReloaded> reload(http::Call<void> call);
  asio::awaitable<RegistryHistory> history(http::Call<void> call);
  asio::awaitable<http::Response> restore(http::Call<void> call);

  registry::RegistryWatch& registry_;
  registry::RegistryEditor& editor_;
};

}  // namespace portoser::api
