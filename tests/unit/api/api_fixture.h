/// The whole API over real rooms, asked past the network. The host "brick" has joined, runs "notes"
/// and has said what it measures.
#pragma once

#include "controller/api/audit.h"
#include "controller/api/collector.h"
#include "controller/api/compose.h"
#include "controller/api/dependencies.h"
#include "controller/api/deployment.h"
#include "controller/api/deployment_socket.h"
#include "controller/api/deployment_stories.h"
#include "controller/api/deployment_story_socket.h"
#include "controller/api/deployments.h"
#include "controller/api/device_changes.h"
#include "controller/api/device_tokens.h"
#include "controller/api/devices.h"
#include "controller/api/devices_socket.h"
#include "controller/api/health.h"
#include "controller/api/history.h"
#include "controller/api/idempotency.h"
#include "controller/api/jobs.h"
#include "controller/api/machine_actions.h"
#include "controller/api/machine_edits.h"
#include "controller/api/machines.h"
#include "controller/api/metrics.h"
#include "controller/api/metrics_history.h"
#include "controller/api/metrics_socket.h"
#include "controller/api/metrics_state.h"
#include "controller/api/moves.h"
#include "controller/api/prometheus.h"
#include "controller/api/registry.h"
#include "controller/api/rollback.h"
#include "controller/api/service_edits.h"
#include "controller/api/services.h"
#include "controller/api/system.h"
#include "controller/api/uptime.h"
#include "controller/api/uptime_socket.h"
#include "controller/deployment/preflight_observers.h"
#include "controller/http/router.h"
#include "controller/storage/retention.h"
#include "tests/unit/api/played_socket.h"
#include "tests/unit/fleet/fleet_fixture.h"

namespace portoser::api {

class ApiTest : public fleet::FleetTest {
 protected:
  ApiTest();
  ~ApiTest() override;

  /// The answer to a GET, whatever its type; the test fails when there is nothing.
  http::Response ask(std::string_view target, std::string_view accept = {});
  Json get(std::string_view target) { return Json::parse(ask(target).text()); }
  /// Any other request, as `user`; a refusal is thrown.
  Json send(http::Method method,
            std::string_view target,
            const Json& body = Json::object(),
            const http::User& user = {"ada", "Ada", {"admin"}, {}});

  /// The same with its headers, and the whole answer.
  http::Response request_of(http::Method method,
                            std::string_view target,
                            const Json& body,
                            const std::vector<std::pair<std::string, std::string>>& headers = {},
                            const http::User& user = {"ada", "Ada", {"admin"}, {}});

  /// A request that goes on while the test plays the host.
  struct Waiting {
    http::Request request;
    http::Match match;
    std::optional<http::Response> response;
    [[nodiscard]] Json body() const { return Json::parse(response->text()); }
    bool refused = false;
  };
  std::shared_ptr<Waiting> begin_request(
      http::Method method,
      std::string_view target,
      const Json& body = Json::object(),
      const std::vector<std::pair<std::string, std::string>>& headers = {});
  void await_answer(const Waiting& waiting);
  /// Ends the next command as it is told; its service.
  std::string play(fleet::DeviceDouble& device, bool succeeds = true);

  /// So many more samples of "brick" and "notes", one every five seconds, the last of them now.
  void tell_of_notes(int samples);

  std::shared_ptr<PlayedSocket> open_socket(std::string_view path, std::deque<std::string> texts);
  /// The first frame of this type, once it is there.
  Json frame_of(PlayedSocket& socket, std::string_view type);

  telemetry::Live live_;
  telemetry::Series series_{*database_, clock_};
  telemetry::RemoteWrite remote_write_{*database_, series_, live_, clock_, {}};
  std::unique_ptr<jobs::Jobs> jobs_;
  std::unique_ptr<history::History> history_;
  std::unique_ptr<deployment::FileDependencies> file_dependencies_;
  std::unique_ptr<deployment::Preflight> preflight_;
  std::unique_ptr<deployment::Recording> recording_;
  std::unique_ptr<deployment::ServiceActions> actions_;
  std::unique_ptr<deployment::HostActions> host_actions_;
  std::unique_ptr<registry::RegistryEditor> editor_;
  deployment::Routing routing_{*registry_, *fleet_};
  std::unique_ptr<deployment::Mover> mover_;
  std::unique_ptr<deployment::Planner> planner_;
  std::unique_ptr<deployment::PendingMoves> pending_;
  std::unique_ptr<deployment::Batches> batches_;
  std::unique_ptr<deployment::DeploymentStates> deployment_states_;
  std::unique_ptr<deployment::PreflightObservers> observers_;
  std::unique_ptr<deployment::Intelligent> intelligent_;
  RequestCounters requests_;
  JobCounters job_counters_;
  storage::Retention retention_{*database_, clock_, {}};
  std::unique_ptr<DeploymentSocket> deployment_socket_;
  std::unique_ptr<DeploymentStories> stories_;
  std::unique_ptr<DeploymentStorySocket> story_socket_;
  Idempotency idempotency_{*database_, clock_};
  std::unique_ptr<UptimeSocket> uptime_socket_;
  std::unique_ptr<MetricsSocket> metrics_socket_;
  std::unique_ptr<DevicesSocket> devices_socket_;
  std::unique_ptr<ServicesApi> services_;
  HealthApi health_{*registry_, live_};
  std::unique_ptr<MachinesApi> machines_;
  std::unique_ptr<MachineActionsApi> machine_actions_;
  std::unique_ptr<deployment::DependencyEdits> dependency_edits_;
  std::unique_ptr<DependenciesApi> dependencies_;
  std::unique_ptr<ServiceEditsApi> service_edits_;
  std::unique_ptr<MachineEditsApi> machine_edits_;
  std::unique_ptr<RegistryApi> registry_api_;
  std::unique_ptr<DevicesApi> devices_;
  std::unique_ptr<DeviceChangesApi> device_changes_;
  fleet::JoinTokens join_tokens_{*database_, {"http://127.0.0.1:8991", keys_.public_key}, clock_};
  DeviceTokensApi device_tokens_{join_tokens_, clock_};
  std::unique_ptr<JobsApi> jobs_api_;
  std::unique_ptr<HistoryApi> history_api_;
  AuditApi audit_api_{*database_};
  std::unique_ptr<deployment::ComposeFiles> compose_files_;
  std::unique_ptr<ComposeApi> compose_api_;
  std::unique_ptr<deployment::Rollback> rollback_;
  std::unique_ptr<RollbackApi> rollback_api_;
  std::unique_ptr<DeploymentApi> deployment_api_;
  std::unique_ptr<MovesApi> moves_api_;
  std::unique_ptr<DeploymentsApi> deployments_api_;
  std::unique_ptr<MetricsApi> metrics_;
  std::unique_ptr<MetricsHistoryApi> metrics_history_;
  std::unique_ptr<telemetry::Collection> collection_;
  std::unique_ptr<MetricsStateApi> metrics_state_;
  std::unique_ptr<CollectorApi> collector_;
  telemetry::UptimeHistory uptime_history_{*database_, series_, clock_};
  std::unique_ptr<telemetry::Availability> availability_;
  std::unique_ptr<PrometheusApi> prometheus_;
  std::unique_ptr<UptimeApi> uptime_;
  std::unique_ptr<SystemApi> system_;
  http::Router router_;

 private:
  std::vector<std::shared_ptr<PlayedSocket>> sockets_;
  std::int64_t sample_number_ = 1;
  std::int64_t result_number_ = 0;
};

}  // namespace portoser::api
