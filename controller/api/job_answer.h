/// How requests that begin jobs are answered: when the job is over, or at once.
#pragma once

#include "controller/http/request.h"
#include "controller/http/response.h"

#include <string>

namespace portoser::api {

/// The client wants the answer at once ("Prefer: respond-async").
bool prefers_async(const http::Request& request);

/// 202 with the address of the job.
http::Response accepted(std::string body, const std::string& job_id);

}  // namespace portoser::api
