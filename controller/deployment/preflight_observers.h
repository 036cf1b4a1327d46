/// Observes by what there is: the liveness of the host, how the service stands, and the preflight
/// of what would be done. The one thing that it does about a problem is to start a service that is
/// needed and stopped. On the jobs' executor.
#pragma once

#include "controller/deployment/observers.h"
#include "controller/deployment/planner.h"
#include "controller/deployment/preflight.h"
#include "controller/deployment/service_actions.h"
#include "controller/fleet/fleet.h"
#include "controller/jobs/jobs.h"
#include "controller/registry/watch.h"
#include "controller/telemetry/live.h"

namespace portoser::deployment {

class PreflightObservers : public Observers {
 public:
  PreflightObservers(registry::RegistryWatch& registry,
                     fleet::Fleet& fleet,
                     const telemetry::Live& live,
                     jobs::Jobs& jobs,
                     Preflight& preflight,
                     Planner& planner,
                     ServiceActions& actions)
      : registry_(registry),
        fleet_(fleet),
        live_(live),
        jobs_(jobs),
        preflight_(preflight),
        planner_(planner),
        actions_(actions) {}

  asio::awaitable<Observed> observe(Subject subject) override;
  [[nodiscard]] std::vector<Problem> diagnose(const Observed& observed) const override;
  asio::awaitable<void> solve(Solution solution, std::shared_ptr<jobs::Run> run) override;
  [[nodiscard]] Observation verify(const Subject& subject) const override;

 private:
  [[nodiscard]] Observation host_of(const Subject& subject) const;
  [[nodiscard]] Observation service_on(const std::string& name,
                                       const std::optional<std::string>& machine) const;
  [[nodiscard]] bool is_stopped(const std::string& name) const;
  asio::awaitable<protocol::PreflightReport> report_of(Subject subject);
  [[nodiscard]] std::optional<Solution> solution_of(const protocol::Finding& finding) const;

  registry::RegistryWatch& registry_;
  fleet::Fleet& fleet_;
  const telemetry::Live& live_;
  jobs::Jobs& jobs_;
  Preflight& preflight_;
  Planner& planner_;
  ServiceActions& actions_;
};

}  // namespace portoser::deployment
