/// /api/jobs: what is under way and what was, with logs.
#pragma once

#include "common/tasks.h"
#include "controller/http/call.h"
#include "controller/jobs/jobs.h"

namespace portoser::http {
class Router;
}

namespace portoser::api {

struct JobView;
struct JobList;
struct JobDetail;
struct LogPage;

class JobsApi {
 public:
  /// `core`: the executor of the jobs.
  JobsApi(jobs::Jobs& jobs, asio::any_io_executor core) : jobs_(jobs), core_(std::move(core)) {}

  void add_to(http::Router& router);

 private:
  asio::awaitable<JobList> list(http::Call<void> call);
  asio::awaitable<JobDetail> detail(http::Call<void> call);
  asio::awaitable<LogPage> log(http::Call<void> call);
  asio::awaitable<JobView> cancel(http::Call<void> call);

  jobs::Jobs& jobs_;
  asio::any_io_executor core_;
};

}  // namespace portoser::api
