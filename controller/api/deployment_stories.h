/// Finds what a deployment told by the id that people have of it.
#pragma once

#include "common/tasks.h"
#include "controller/jobs/jobs.h"

#include <optional>
#include <string>

namespace portoser::api {

/// On the jobs' executor.
class DeploymentStories {
 public:
  explicit DeploymentStories(jobs::Jobs& jobs) : jobs_(jobs) {}

  /// The job that has this id, or whose deployment has it ("deploy-…"), also while it has no record
  /// in the history. None: there is none, or it is so old that it was deleted.
  asio::awaitable<std::optional<std::string>> job_of(std::string id);
  /// `Error{not_found}`, DEPLOYMENT_UNKNOWN.
  asio::awaitable<jobs::Story> find(std::string id);
  asio::awaitable<jobs::Story> story_of_job(std::string job_id) {
    return jobs_.story(std::move(job_id));
  }

 private:
  jobs::Jobs& jobs_;
};

}  // namespace portoser::api
