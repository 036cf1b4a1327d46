/// /api/services/{service}/compose: the compose file of a service on its host.
#pragma once

#include "common/tasks.h"
#include "controller/deployment/compose_files.h"
#include "controller/http/call.h"
#include "controller/http/response.h"

#include <optional>
#include <string>

namespace portoser::http {
class Router;
}

namespace portoser::api {

struct ComposeText {
  std::string text;
  std::optional<std::string> revision;  ///< of the text that was read, if not in If-Match
  std::string why;
};
BOOST_DESCRIBE_STRUCT(ComposeText, (), (text, revision, why))

class ComposeApi {
 public:
  /// `core`: the executor of fleet and jobs.
  ComposeApi(deployment::ComposeFiles& files, jobs::Jobs& jobs, asio::any_io_executor core)
      : files_(files), jobs_(jobs), core_(std::move(core)) {}

  void add_to(http::Router& router);

 private:
  asio::awaitable<http::Response> read(http::Call<void> call);
  asio::awaitable<http::Response> validate(http::Call<ComposeText> call);
  asio::awaitable<http::Response> write(http::Call<ComposeText> call);

  deployment::ComposeFiles& files_;
  jobs::Jobs& jobs_;
  asio::any_io_executor core_;
};

}  // namespace portoser::api
