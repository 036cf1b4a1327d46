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
  auto beginning = actions_.begin(action, call.param("machine"), call.user().name);
  const auto submitted = co_await on_executor(core_, std::move(beginning));
  MachineActionAnswer answer;
  answer.machine = call.param("machine");
  answer.job_id = submitted.id;
  auto fill = [](const storage::JobRecord& /*job*/, MachineActionAnswer& filled) {
    for (const auto& result : filled.results) {
      const bool is_done = result.success.value_or(false);
      filled.output +=
          result.service + ": " + (is_done ? "done" : result.error.value_or("not begun")) + "\n";
    }
  };
  auto answering =
      results_answer(jobs_, core_, call.request(), clock_, std::move(answer), std::move(fill));
  co_return co_await std::move(answering);
}

}  // namespace portoser::api
