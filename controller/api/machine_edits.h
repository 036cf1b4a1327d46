/// /api/machines: adding, changing and removing hosts of registry.yml.
#pragma once

#include "controller/http/call.h"
#include "controller/http/response.h"
#include "controller/registry/editor.h"

namespace portoser::http {
class Router;
}

namespace portoser::api {

struct MachineFields;

class MachineEditsApi {
 public:
  explicit MachineEditsApi(registry::RegistryEditor& editor) : editor_(editor) {}

  void add_to(http::Router& router);

 private:
  asio::awaitable<http::Response> add(http::Call<MachineFields> call);
  asio::awaitable<http::Response> change(http::Call<MachineFields> call);
  asio::awaitable<http::Response> remove(http::Call<void> call);

  registry::RegistryEditor& editor_;
};

}  // namespace portoser::api
