/// /api/history: what we changed on hosts.
#pragma once

#include "common/tasks.h"
#include "controller/history/history.h"
#include "controller/http/call.h"
#include "controller/http/response.h"

namespace portoser::http {
class Router;
}

namespace portoser::api {

class HistoryApi {
 public:
  HistoryApi(history::History& history, const Clock& clock) : history_(history), clock_(clock) {}

  void add_to(http::Router& router);

 private:
  asio::awaitable<http::Response> list(http::Call<void> call);
  asio::awaitable<http::Response> detail(http::Call<void> call);
  asio::awaitable<http::Response> stats(http::Call<void> call);
  asio::awaitable<http::Response> timeline(http::Call<void> call);

  history::History& history_;
  const Clock& clock_;
};

}  // namespace portoser::api
