/// /api/audit: who changed what.
#pragma once

#include "common/tasks.h"
#include "controller/http/call.h"
#include "controller/http/response.h"
#include "controller/storage/audit_store.h"

namespace portoser::http {
class Router;
}

namespace portoser::api {

class AuditApi {
 public:
  explicit AuditApi(storage::Database& database) : store_(database) {}

  void add_to(http::Router& router);

 private:
  asio::awaitable<http::Response> list(http::Call<void> call);

  storage::AuditStore store_;
};

}  // namespace portoser::api
