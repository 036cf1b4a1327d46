#include "controller/api/services.h"

#include "controller/api/entity_tags.h"
#include "controller/api/health_rows.h"
#include "controller/api/job_answer.h"
#include "controller/http/router.h"

namespace portoser::api {
namespace {

struct ActionAnswer {
  bool success = true;
  std::string output;
  std::optional<std::string> error;
  std::string job_id;
  std::string state;
};
BOOST_DESCRIBE_STRUCT(ActionAnswer, (), (success, output, error, job_id, state))

struct MachineBrief {
  std::string name;
  std::string ip;
  std::string status;  ///< online, stale, offline, unknown
};
BOOST_DESCRIBE_STRUCT(MachineBrief, (), (name, ip, status))

struct NewestDeploymentView {
  std::string deployment_id;
  std::string action;
  std::string status;  ///< success, failure, rolled_back
  bool success = false;
  Time started_at;
  std::optional<Time> finished_at;
};
BOOST_DESCRIBE_STRUCT(NewestDeploymentView,
                      (),
                      (deployment_id, action, status, success, started_at, finished_at))

/// The keys of `config` stand at the top level too, where they do not hide one of these.
struct ServiceDetail : ServiceRow {
  std::vector<std::string> dependents;
  std::optional<MachineBrief> machine;
  std::optional<NewestDeploymentView> last_deployment;  ///< that is over; null: there is none
  ServiceHealthView health_detail;                      ///< as /api/services/{service}/health
  std::map<std::string, Json> config;  ///< the entry in registry.yml, without secrets
};
BOOST_DESCRIBE_STRUCT(ServiceDetail,
                      (ServiceRow),
                      (dependents, machine, last_deployment, health_detail, config))

}  // namespace

void ServicesApi::add_to(http::Router& router) {
  router.add<ServiceList>(
      {.path = "/api/services", .summary = "All services of the registry, with their state"},
      *this,
      &ServicesApi::list);
  router.add<ServiceDetail>({.path = "/api/services/{service}",
                             .summary = "One service, with its entry in registry.yml",
                             .errors = {Code::not_found}},
                            *this,
                            &ServicesApi::detail);
  const auto action = [](const std::string& name, const std::string& summary) {
    return job_route("/api/services/{service}/" + name, summary);
  };
  router.add<ActionAnswer>(
      action("start", "Start a service on its host"), *this, &ServicesApi::start);
  router.add<ActionAnswer>(
      action("stop", "Stop a service; its containers and volumes, or its unit, stay"),
      *this,
      &ServicesApi::stop);
  router.add<ActionAnswer>(
      action("restart", "Recreate the containers of a service, or restart its unit"),
      *this,
      &ServicesApi::restart);
  router.add<ActionAnswer>(
      action("rebuild", "Build or pull the images of a service, then recreate it"),
      *this,
      &ServicesApi::rebuild);
}

http::Response ServicesApi::list(http::Call<void>) {
  return http::json_response(rows_.list());
}

http::Response ServicesApi::detail(http::Call<void> call) {
  const auto registry = registry_.snapshot()->registry;
  const auto& service = registry->require_service(call.param("service"), "path.service");
  ServiceDetail detail;
  static_cast<ServiceRow&>(detail) = rows_.row(*registry, service);
  detail.dependents = files_.graph(*registry).dependents_of(service.name);
  const auto live = service.current_host ? live_.host(*service.current_host) : nullptr;
  if (const auto* host =
          service.current_host ? registry->find_host(*service.current_host) : nullptr) {
    detail.machine = MachineBrief{
        host->name, host->ip, enum_name(live ? live->liveness : fleet::Liveness::unknown)};
  }
  detail.health_detail = health_view(service, live.get());
  if (auto newest = history_.newest(service.name)) {
    const bool success = newest->status != "failure";
    detail.last_deployment = NewestDeploymentView{std::move(newest->id),
                                                  std::move(newest->action),
                                                  std::move(newest->status),
                                                  success,
                                                  newest->started_at,
                                                  newest->finished_at};
  }
  const auto config = Json::parse(service.config, nullptr, false);
  auto answer = to_json(detail);
  // An entry that is no map has only its errors to show.
  if (config.is_object()) {
    answer["config"] = config;
    // Clients of the old backend read the registry's keys at the top level.
    for (const auto& [key, value] : config.items()) {
      if (!answer.contains(key)) answer[key] = value;
    }
  }
  auto response = http::json_response(dump(answer));
  set_entity_tag(response, service.revision);
  return response;
}

asio::awaitable<http::Response> ServicesApi::start(http::Call<ActionRequest> call) {
  return act(deployment::Action::start, std::move(call));
}

asio::awaitable<http::Response> ServicesApi::stop(http::Call<ActionRequest> call) {
  return act(deployment::Action::stop, std::move(call));
}

asio::awaitable<http::Response> ServicesApi::restart(http::Call<ActionRequest> call) {
  return act(deployment::Action::restart, std::move(call));
}

asio::awaitable<http::Response> ServicesApi::rebuild(http::Call<ActionRequest> call) {
  return act(deployment::Action::rebuild, std::move(call));
}

asio::awaitable<http::Response> ServicesApi::act(deployment::Action action,
                                                 http::Call<ActionRequest> call) {
  const auto submitted =
      co_await on_executor(core_, actions_.begin(action, call.param("service"), call.user().name));
  ActionAnswer answer;
  answer.job_id = submitted.id;
  auto finish = [](const storage::JobRecord& job, ActionAnswer& finished) {
    deployment::ServiceActions::require_success(job);
    finished.output = job.last_output;
  };
  auto answering = job_answer(jobs_, core_, call.request(), std::move(answer), std::move(finish));
  co_return co_await std::move(answering);
}

}  // namespace portoser::api
