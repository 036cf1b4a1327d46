/// /api/deployment: deployments that look first, and what became of any deployment.
#pragma once

#include "common/describe.h"
#include "common/tasks.h"
#include "controller/api/deployment_result.h"
#include "controller/api/deployment_stories.h"
#include "controller/api/idempotency.h"
#include "controller/deployment/intelligent.h"
#include "controller/http/call.h"
#include "controller/jobs/jobs.h"

#include <optional>
#include <string>
#include <vector>

namespace portoser::http {
class Router;
}

namespace portoser::api {

struct IntelligentRequest {
  std::string service;
  std::string machine;
  bool auto_heal = false;
  bool dry_run = false;
};
BOOST_DESCRIBE_STRUCT(IntelligentRequest, (), (service, machine, auto_heal, dry_run))

struct DryRunRequest {
  std::string service;
  std::string machine;
};
BOOST_DESCRIBE_STRUCT(DryRunRequest, (), (service, machine))

struct AcceptedPhase {
  std::string name;
  std::string status = "pending";
};
BOOST_DESCRIBE_STRUCT(AcceptedPhase, (), (name, status))

/// Success means that it was accepted: the socket tells how it goes on.
struct AcceptedDeployment {
  std::string deployment_id;
  bool success = true;
  std::string status = "in_progress";
  bool accepted = true;
  std::string service;
  std::string machine;
  bool dry_run = false;
  std::vector<AcceptedPhase> phases;
  std::optional<std::string> error;
  std::vector<std::string> problems_detected;
  std::vector<std::string> solutions_applied;
};
BOOST_DESCRIBE_STRUCT(AcceptedDeployment,
                      (),
                      (deployment_id,
                       success,
                       status,
                       accepted,
                       service,
                       machine,
                       dry_run,
                       phases,
                       error,
                       problems_detected,
                       solutions_applied))

struct PhaseBreakdown {
  std::string deployment_id;
  std::string service;
  std::string machine;
  std::int64_t total_phases = 0;
  std::int64_t completed_phases = 0;
  std::optional<std::string> current_phase;  ///< none: none is under way
  std::vector<DeploymentPhase> phases;
};
BOOST_DESCRIBE_STRUCT(
    PhaseBreakdown,
    (),
    (deployment_id, service, machine, total_phases, completed_phases, current_phase, phases))

class DeploymentsApi {
 public:
  /// `core`: the executor of the jobs.
  DeploymentsApi(deployment::Intelligent& intelligent,
                 jobs::Jobs& jobs,
                 DeploymentStories& stories,
                 Idempotency& idempotency,
                 asio::any_io_executor core)
      : intelligent_(intelligent),
        jobs_(jobs),
        stories_(stories),
        idempotency_(idempotency),
        core_(std::move(core)) {}

  void add_to(http::Router& router);

 private:
  asio::awaitable<AcceptedDeployment> begin(http::Call<IntelligentRequest> call);
  asio::awaitable<DeploymentResult> dry_run(http::Call<DryRunRequest> call);
  asio::awaitable<DeploymentResult> result(http::Call<void> call);
  asio::awaitable<PhaseBreakdown> phases(http::Call<void> call);

  asio::awaitable<DeploymentResult> result_by_id(std::string id);
  asio::awaitable<jobs::Story> try_out(deployment::IntelligentWish wish, std::string user);

  deployment::Intelligent& intelligent_;
  jobs::Jobs& jobs_;
  DeploymentStories& stories_;
  Idempotency& idempotency_;
  asio::any_io_executor core_;
};

}  // namespace portoser::api
