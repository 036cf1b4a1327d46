#include "tests/unit/api/api_fixture.h"

#include "tests/unit/telemetry/played_host.h"

#include <boost/asio/co_spawn.hpp>

#include <algorithm>

namespace portoser::api {

ApiTest::ApiTest() {
  const auto core = asio::any_io_executor{context_.get_executor()};
  jobs_ = std::make_unique<jobs::Jobs>(*database_, *fleet_, clock_, core);
  history_ = std::make_unique<history::History>(*database_, clock_, core);
  file_dependencies_ = std::make_unique<deployment::FileDependencies>(*registry_, *fleet_, clock_);
  preflight_ =
      std::make_unique<deployment::Preflight>(*registry_, *fleet_, live_, *file_dependencies_);
  recording_ = std::make_unique<deployment::Recording>(*registry_, *fleet_, *history_);
  actions_ = std::make_unique<deployment::ServiceActions>(
      *registry_, *fleet_, *jobs_, *preflight_, *recording_);
  host_actions_ = std::make_unique<deployment::HostActions>(
      *registry_, *fleet_, *jobs_, *actions_, *file_dependencies_);
  editor_ = std::make_unique<registry::RegistryEditor>(
      *registry_, folder_ / "registry.yml", folder_ / "registry-backups", clock_);
  mover_ = std::make_unique<deployment::Mover>(
      *registry_, *editor_, *fleet_, *jobs_, *recording_, routing_, *database_, clock_);
  planner_ = std::make_unique<deployment::Planner>(
      *registry_, live_, *preflight_, *mover_, *history_, *file_dependencies_);
  pending_ = std::make_unique<deployment::PendingMoves>(*registry_, *database_, clock_);
  batches_ = std::make_unique<deployment::Batches>(
      *registry_, *jobs_, *actions_, *mover_, *planner_, *pending_, *file_dependencies_);
  deployment_states_ = std::make_unique<deployment::DeploymentStates>(*pending_, *jobs_, *history_);
  observers_ = std::make_unique<deployment::PreflightObservers>(
      *registry_, *fleet_, live_, *jobs_, *preflight_, *planner_, *actions_);
  intelligent_ = std::make_unique<deployment::Intelligent>(
      *registry_, *jobs_, *batches_, *recording_, *observers_);
  deployment_socket_ = std::make_unique<DeploymentSocket>(clock_);
  stories_ = std::make_unique<DeploymentStories>(*jobs_);
  story_socket_ = std::make_unique<DeploymentStorySocket>(*stories_, clock_, core);
  jobs_->add_listener(*deployment_socket_);
  jobs_->add_listener(*story_socket_);
  jobs_->add_listener(*intelligent_);
  uptime_socket_ = std::make_unique<UptimeSocket>(*database_, clock_);
  metrics_socket_ = std::make_unique<MetricsSocket>(*registry_, live_, clock_);
  devices_socket_ = std::make_unique<DevicesSocket>(*registry_, live_, *fleet_, clock_);
  services_ = std::make_unique<ServicesApi>(
      *registry_, live_, *jobs_, *actions_, *history_, *file_dependencies_, core, clock_);
  machines_ = std::make_unique<MachinesApi>(*registry_, live_, *fleet_, services_->rows(), clock_);
  machine_actions_ = std::make_unique<MachineActionsApi>(*jobs_, *host_actions_, clock_, core);
  service_edits_ = std::make_unique<ServiceEditsApi>(
      *registry_, *editor_, services_->rows(), *file_dependencies_, *actions_, *jobs_, core);
  dependency_edits_ =
      std::make_unique<deployment::DependencyEdits>(*registry_, *editor_, *file_dependencies_);
  dependencies_ = std::make_unique<DependenciesApi>(
      *registry_, services_->rows(), *file_dependencies_, *dependency_edits_);
  machine_edits_ = std::make_unique<MachineEditsApi>(*editor_);
  registry_api_ = std::make_unique<RegistryApi>(*registry_, *editor_);
  devices_ =
      std::make_unique<DevicesApi>(*fleet_, *registry_, live_, services_->rows(), clock_, core);
  device_changes_ = std::make_unique<DeviceChangesApi>(*fleet_, *registry_, core);
  jobs_api_ = std::make_unique<JobsApi>(*jobs_, core);
  history_api_ = std::make_unique<HistoryApi>(*history_, clock_);
  compose_files_ = std::make_unique<deployment::ComposeFiles>(
      *registry_, *fleet_, *jobs_, *preflight_, *recording_);
  compose_api_ = std::make_unique<ComposeApi>(*compose_files_, *jobs_, core);
  rollback_ = std::make_unique<deployment::Rollback>(
      *registry_, *editor_, *fleet_, *jobs_, *history_, *preflight_, *mover_, *recording_, core);
  rollback_api_ = std::make_unique<RollbackApi>(*rollback_, *jobs_, core);
  deployment_api_ = std::make_unique<DeploymentApi>(*pending_,
                                                    *planner_,
                                                    *batches_,
                                                    *deployment_states_,
                                                    *jobs_,
                                                    *deployment_socket_,
                                                    idempotency_,
                                                    clock_,
                                                    core);
  moves_api_ = std::make_unique<MovesApi>(*mover_, *batches_, *jobs_, clock_, core);
  deployments_api_ =
      std::make_unique<DeploymentsApi>(*intelligent_, *jobs_, *stories_, idempotency_, core);
  metrics_ = std::make_unique<MetricsApi>(*registry_, live_, clock_);
  metrics_history_ =
      std::make_unique<MetricsHistoryApi>(*registry_, live_, series_, uptime_history_, clock_);
  collection_ = std::make_unique<telemetry::Collection>(
      *database_, *fleet_, live_, series_, remote_write_, clock_, telemetry::CollectionSettings{});
  metrics_state_ = std::make_unique<MetricsStateApi>(*registry_,
                                                     live_,
                                                     series_,
                                                     remote_write_,
                                                     *database_,
                                                     *fleet_,
                                                     *metrics_,
                                                     *collection_,
                                                     clock_);
  collector_ = std::make_unique<CollectorApi>(*collection_, live_, "registry.yml", clock_, core);
  availability_ = std::make_unique<telemetry::Availability>(*registry_, uptime_history_, clock_);
  const PrometheusSources sources{*registry_,
                                  live_,
                                  series_,
                                  remote_write_,
                                  *availability_,
                                  *collection_,
                                  *fleet_,
                                  *jobs_,
                                  *database_,
                                  retention_,
                                  requests_,
                                  job_counters_,
                                  clock_};
  prometheus_ = std::make_unique<PrometheusApi>(sources, *metrics_);
  uptime_ =
      std::make_unique<UptimeApi>(*registry_, *database_, uptime_history_, *fleet_, clock_, core);
  system_ = std::make_unique<SystemApi>(*registry_, *database_, clock_);
  deployment_socket_->add_to(router_);
  story_socket_->add_to(router_);
  deployment_socket_->follow(*registry_);
  uptime_socket_->add_to(router_);
  metrics_socket_->add_to(router_);
  devices_socket_->add_to(router_);
  services_->add_to(router_);
  health_.add_to(router_);
  dependencies_->add_to(router_);
  machines_->add_to(router_);
  machine_actions_->add_to(router_);
  service_edits_->add_to(router_);
  machine_edits_->add_to(router_);
  registry_api_->add_to(router_);
  devices_->add_to(router_);
  device_changes_->add_to(router_);
  device_tokens_.add_to(router_);
  jobs_api_->add_to(router_);
  history_api_->add_to(router_);
  audit_api_.add_to(router_);
  compose_api_->add_to(router_);
  rollback_api_->add_to(router_);
  deployment_api_->add_to(router_);
  moves_api_->add_to(router_);
  deployments_api_->add_to(router_);
  metrics_->add_to(router_);
  prometheus_->add_to(router_);
  metrics_history_->add_to(router_);
  metrics_state_->add_to(router_);
  collector_->add_to(router_);
  uptime_->add_to(router_);
  system_->add_to(router_);
  run(jobs_->start());
  run(series_.start());
  run(series_.restore());
  live_.add_listener(series_);
  live_.add_listener(*metrics_socket_);
  live_.add_listener(*devices_socket_);
  join_brick();
  auto sample = telemetry::full_sample(1);
  sample.containers = {telemetry::container("a", 4096)};
  live_.on_liveness("brick", fleet::Liveness::unknown, fleet::Liveness::online, clock_.now());
  live_.on_state("brick", clock_.now(), telemetry::state_of_notes("running", {"a"}));
  live_.on_sample("brick", clock_.now(), std::move(sample));
}

ApiTest::~ApiTest() {
  for (const auto& socket : sockets_) socket->hang_up();
  step_until([&] {
    return std::all_of(
        sockets_.begin(), sockets_.end(), [](const auto& socket) { return socket->handled; });
  });
  run(jobs_->stop());
  run(rollback_->stop());
  run(history_->stop());
}

http::Response ApiTest::ask(std::string_view target, std::string_view accept) {
  http::Request request;
  request.set_target(target);
  request.user =
      std::make_shared<const http::User>(http::User{"ada", "Ada", {"admin"}, std::nullopt});
  if (!accept.empty()) request.add_header("Accept", accept);
  http::Match match;
  router_.find(request, match);
  if (match.endpoint == nullptr || match.endpoint->socket) {
    ADD_FAILURE() << "there is nothing to get at " << target;
    return http::json_response("null");
  }
  const http::CallContext call{request, match.endpoint->parameters, match.values};
  return match.endpoint->at_once ? match.endpoint->at_once(call) : run(match.endpoint->later(call));
}

Json ApiTest::send(http::Method method,
                   std::string_view target,
                   const Json& body,
                   const http::User& user) {
  return Json::parse(request_of(method, target, body, {}, user).text());
}

http::Response ApiTest::request_of(http::Method method,
                                   std::string_view target,
                                   const Json& body,
                                   const std::vector<std::pair<std::string, std::string>>& headers,
                                   const http::User& user) {
  http::Request request;
  request.method = method;
  request.user = std::make_shared<const http::User>(user);
  request.body = dump(body);
  request.set_target(target);
  for (const auto& [name, value] : headers) request.add_header(name, value);
  http::Match match;
  router_.find(request, match);
  if (match.endpoint == nullptr) {
    ADD_FAILURE() << "there is nothing to ask at " << target;
    return http::json_response("null");
  }
  const http::CallContext call{request, match.endpoint->parameters, match.values};
  return match.endpoint->at_once ? match.endpoint->at_once(call) : run(match.endpoint->later(call));
}

std::shared_ptr<ApiTest::Waiting> ApiTest::begin_request(
    http::Method method,
    std::string_view target,
    const Json& body,
    const std::vector<std::pair<std::string, std::string>>& headers) {
  auto waiting = std::make_shared<Waiting>();
  auto& request = waiting->request;
  request.method = method;
  request.user = std::make_shared<const http::User>(http::User{"ada", "Ada", {"admin"}, {}});
  request.body = dump(body);
  request.set_target(target);
  for (const auto& [name, value] : headers) request.add_header(name, value);
  router_.find(request, waiting->match);
  if (waiting->match.endpoint == nullptr || !waiting->match.endpoint->later) {
    ADD_FAILURE() << "nothing takes its time at " << target;
    return waiting;
  }
  const http::CallContext call{request, waiting->match.endpoint->parameters, waiting->match.values};
  asio::co_spawn(context_,
                 waiting->match.endpoint->later(call),
                 [waiting](const std::exception_ptr& ended, http::Response response) {
                   if (ended) {
                     waiting->refused = true;
                   } else {
                     waiting->response = std::move(response);
                   }
                 });
  return waiting;
}

void ApiTest::await_answer(const Waiting& waiting) {
  step_until([&] { return waiting.response.has_value() || waiting.refused; });
}

std::string ApiTest::play(fleet::DeviceDouble& device, bool succeeds) {
  const auto command = await<protocol::Command>(device);
  protocol::CommandResult result;
  result.sequence = ++result_number_;
  result.command_id = command.id;
  result.succeeded = succeeds;
  if (!succeeds) {
    result.code = "conflict";
    result.reason = "PORT_TAKEN";
    result.message = "port 8090 is taken";
  }
  auto service = run(jobs_->find(command.id)).service;
  device.send(result);
  return service;
}

void ApiTest::tell_of_notes(int samples) {
  using namespace std::chrono_literals;
  for (int i = 0; i < samples; ++i) {
    clock_.set_by(5s);
    auto sample = telemetry::full_sample(5'000'000'000 * sample_number_);
    sample.number = ++sample_number_;
    sample.containers = {telemetry::container("a", 4096)};
    sample.containers[0].services = {"notes"};
    sample.services = {{"notes", true, false}};
    live_.on_sample("brick", clock_.now(), std::move(sample));
  }
}

std::shared_ptr<PlayedSocket> ApiTest::open_socket(std::string_view path,
                                                   std::deque<std::string> texts) {
  http::Request request;
  request.set_target(path);
  request.wants_socket = true;
  http::Match match;
  router_.find(request, match);
  auto socket = std::make_shared<PlayedSocket>(context_.get_executor(), std::move(texts));
  if (match.endpoint == nullptr || !match.endpoint->socket) {
    ADD_FAILURE() << "there is no socket at " << path;
    return socket;
  }
  socket->came_by(path, match.endpoint->parameters, match.values);
  sockets_.push_back(socket);
  asio::co_spawn(context_,
                 match.endpoint->socket(socket),
                 [socket](const std::exception_ptr& /*ended*/) { socket->handled = true; });
  return socket;
}

Json ApiTest::frame_of(PlayedSocket& socket, std::string_view type) {
  const auto find = [&] {
    return std::find_if(socket.frames.begin(), socket.frames.end(), [&](const Json& frame) {
      return frame["type"] == type;
    });
  };
  step_until([&] { return find() != socket.frames.end(); });
  const auto found = find();
  return found == socket.frames.end() ? Json::object() : *found;
}

}  // namespace portoser::api
