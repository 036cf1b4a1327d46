/// What is answered to who asked for moves: the job and what became of each part of it. Include it
/// in sources only.
#pragma once

#include "common/clock.h"
#include "common/describe.h"
#include "controller/api/job_answer.h"
#include "controller/deployment/sweep.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace portoser::api {

struct DeploymentAnswer {
  bool success = true;
  std::optional<std::string> deployment_id;  ///< of the first move; null: none is over
  std::string job_id;
  std::string state;
  std::vector<deployment::PartResult> results;  ///< in the order in which they were handled
};
BOOST_DESCRIBE_STRUCT(DeploymentAnswer, (), (success, deployment_id, job_id, state, results))

/// When the job is over, or at once, as the client wants it.
inline asio::awaitable<http::Response> deployment_answer(jobs::Jobs& jobs,
                                                         asio::any_io_executor core,
                                                         const http::Request& request,
                                                         const Clock& clock,
                                                         std::string job_id) {
  DeploymentAnswer answer;
  answer.job_id = std::move(job_id);
  auto fill = [](const storage::JobRecord& /*job*/, DeploymentAnswer& filled) {
    filled.deployment_id = deployment::Sweep::first_deployment_of(filled.results);
  };
  return results_answer(jobs, std::move(core), request, clock, std::move(answer), std::move(fill));
}

}  // namespace portoser::api
