/// What became of a deployment, from what its job told.
#pragma once

#include "common/clock.h"
#include "common/describe.h"
#include "controller/jobs/jobs.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace portoser::api {

struct DeploymentPhase {
  std::string name;
  std::string status;  ///< pending, in_progress, completed, failed, skipped
  std::optional<Time> started_at;
  std::optional<Time> completed_at;
  std::optional<double> duration_seconds;
  std::vector<std::string> output;  ///< lines of the log
  std::optional<std::string> error;
  std::vector<std::string> steps;  ///< what was observed and solved, in words
};
BOOST_DESCRIBE_STRUCT(
    DeploymentPhase,
    (),
    (name, status, started_at, completed_at, duration_seconds, output, error, steps))

struct DeploymentResult {
  std::string deployment_id;
  std::string job_id;
  std::string service;
  std::string machine;
  std::string status;  ///< in_progress, completed, failed
  std::optional<Time> started_at;
  std::optional<Time> completed_at;
  std::optional<double> duration_seconds;
  std::vector<DeploymentPhase> phases;
  bool auto_heal_applied = false;
  bool dry_run = false;
  bool success = false;
  std::vector<std::string> problems_detected;
  std::vector<std::string> solutions_applied;
  std::optional<std::string> error;
};
BOOST_DESCRIBE_STRUCT(DeploymentResult,
                      (),
                      (deployment_id,
                       job_id,
                       service,
                       machine,
                       status,
                       started_at,
                       completed_at,
                       duration_seconds,
                       phases,
                       auto_heal_applied,
                       dry_run,
                       success,
                       problems_detected,
                       solutions_applied,
                       error))

DeploymentResult result_of(const jobs::Story& story);

}  // namespace portoser::api
