/// How requests that begin jobs are declared and answered. Include it in sources only.
#pragma once

#include "common/describe_json.h"
#include "common/tasks.h"
#include "controller/http/request.h"
#include "controller/http/response.h"
#include "controller/http/route.h"
#include "controller/jobs/jobs.h"

#include <string>
#include <utility>

namespace portoser::api {

/// A POST that begins a job and is answered when that is over, or at once.
http::Route job_route(std::string path, const std::string& summary);

/// The client wants the answer at once ("Prefer: respond-async").
bool prefers_async(const http::Request& request);

/// 202 with the address of the job.
http::Response accepted(std::string body, const std::string& job_id);

/// `answer` has the `job_id`. Unless the client wants it at once, it is sent when the job is over:
/// `finish(job, answer)` throws what the job ended with, or fills in what it gave.
template <class Answer, class Finish>
asio::awaitable<http::Response> job_answer(jobs::Jobs& jobs,
                                           asio::any_io_executor core,
                                           const http::Request& request,
                                           Answer answer,
                                           Finish finish) {
  if (prefers_async(request)) {
    answer.state = "running";
    co_return accepted(dump(to_json(answer)), answer.job_id);
  }
  auto waiting = jobs.wait(answer.job_id);
  const auto job = co_await on_executor(std::move(core), std::move(waiting));
  finish(job, answer);
  answer.state = job.state;
  co_return http::json_response(dump(to_json(answer)));
}

}  // namespace portoser::api
