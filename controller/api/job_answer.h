/// How requests that begin jobs are declared and answered. Include it in sources only.
#pragma once

#include "common/clock.h"
#include "common/describe_json.h"
#include "common/error.h"
#include "common/tasks.h"
#include "controller/deployment/sweep.h"
#include "controller/http/request.h"
#include "controller/http/response.h"
#include "controller/http/route.h"
#include "controller/jobs/jobs.h"

#include <optional>
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

/// As every error, and beside it what `answer` (JSON, an object) has to tell of the job.
http::Response failed_answer(const Json& answer,
                             const Error& error,
                             const http::Request& request,
                             Time now);

/// The same for a job about several services, whose `results` are told however it ended:
/// `fill(job, answer)` fills in what became of it.
template <class Answer, class Fill>
asio::awaitable<http::Response> results_answer(jobs::Jobs& jobs,
                                               asio::any_io_executor core,
                                               const http::Request& request,
                                               const Clock& clock,
                                               Answer answer,
                                               Fill fill) {
  if (prefers_async(request)) {
    answer.state = "running";
    co_return accepted(dump(to_json(answer)), answer.job_id);
  }
  auto waiting = jobs.wait(answer.job_id);
  const auto job = co_await on_executor(std::move(core), std::move(waiting));
  answer.success = job.state == "succeeded";
  answer.state = job.state;
  answer.results = deployment::Sweep::results_of(job);
  fill(job, answer);
  const auto told = to_json(answer);
  std::optional<Error> failure;
  try {
    deployment::Sweep::require_success(job);
  } catch (const Error& error) {
    failure = error;
  }
  if (failure) co_return failed_answer(told, *failure, request, clock.now());
  co_return http::json_response(dump(told));
}

}  // namespace portoser::api
