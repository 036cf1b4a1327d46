#include "controller/api/machine_actions.h"

#include "common/describe_json.h"
#include "controller/api/job_answer.h"
#include "controller/deployment/sweep.h"
#include "controller/http/router.h"

namespace portoser::api {
namespace {

struct MachineActionAnswer {
  bool success = true;
  std::string machine;
  std::string output;  ///< a line for each service
  std::optional<std::string> error;
  std::string job_id;
  std::string state;
  std::vector<deployment::PartResult> results;  ///< in the order in which they were handled
};
BOOST_DESCRIBE_STRUCT(MachineActionAnswer,
                      (),
                      (success, machine, output, error, job_id, state, results))

http::Route route_of(const std::string& action, const std::string& summary) {
  return job_route("/api/machines/{machine}/" + action, summary);
}

}  // namespace

void MachineActionsApi::add_to(http::Router& router) {
  router.add<MachineActionAnswer>(
      route_of("start", "Start the services of a host, those that others need first"),
      *this,
      &MachineActionsApi::start);
  router.add<MachineActionAnswer>(
      route_of("stop", "Stop the services of a host, those that others need last"),
      *this,
      &MachineActionsApi::stop);
  router.add<MachineActionAnswer>(
      route_of("restart", "Restart the services of a host, those that others need first"),
      *this,
      &MachineActionsApi::restart);
}

asio::awaitable<http::Response> MachineActionsApi::start(http::Call<ActionRequest> call) {
  return act(deployment::Action::start, std::move(call));
}

asio::awaitable<http::Response> MachineActionsApi::stop(http::Call<ActionRequest> call) {
  return act(deployment::Action::stop, std::move(call));
}

asio::awaitable<http::Response> MachineActionsApi::restart(http::Call<ActionRequest> call) {
  return act(deployment::Action::restart, std::move(call));
}

asio::awaitable<http::Response> MachineActionsApi::act(deployment::Action action,
                                                       http::Call<ActionRequest> call) {
  const auto submitted =
      co_await on_executor(core_, actions_.begin(action, call.param("machine"), call.user().name));
  MachineActionAnswer answer;
  answer.machine = call.param("machine");
  answer.job_id = submitted.id;
  auto finish = [](const storage::JobRecord& job, MachineActionAnswer& finished) {
    deployment::Sweep::require_success(job);
    finished.results = deployment::Sweep::results_of(job);
    for (const auto& result : finished.results) finished.output += result.service + ": done\n";
  };
  auto answering = job_answer(jobs_, core_, call.request(), std::move(answer), std::move(finish));
  co_return co_await std::move(answering);
}

}  // namespace portoser::api
