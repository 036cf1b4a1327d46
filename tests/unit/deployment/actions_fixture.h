/// Actions on the services of "brick", which is played by the test.
#pragma once

#include "controller/deployment/file_dependencies.h"
#include "controller/deployment/service_actions.h"
#include "controller/deployment/sweep.h"
#include "protocol/codec.h"
#include "tests/unit/fleet/fleet_fixture.h"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace portoser::deployment {

/// A test calls `start_controller` when it is made and `stop_controller` when it goes.
class ActionsTest : public fleet::FleetTest {
 protected:
  ActionsTest() { join_brick(); }

  void write_registry(const std::string& services) {
    write_file_atomic(
        folder_ / "registry.yml",
        "hosts:\n  brick: {ip: 127.0.0.1}\n  chalk: {ip: 127.0.0.2}\nservices:\n" + services);
    run(registry_->reload());
  }
  void start_controller() {
    jobs_ = std::make_unique<jobs::Jobs>(*database_, *fleet_, clock_, context_.get_executor());
    history_ = std::make_unique<history::History>(*database_, clock_, context_.get_executor());
    preflight_ = std::make_unique<Preflight>(*registry_, *fleet_, live_, files_);
    recording_ = std::make_unique<Recording>(*registry_, *fleet_, *history_);
    actions_ =
        std::make_unique<ServiceActions>(*registry_, *fleet_, *jobs_, *preflight_, *recording_);
    add_kinds();
    run(jobs_->start());
  }
  /// Makes what has kinds of jobs of its own.
  virtual void add_kinds() {}
  void stop_controller() {
    run(jobs_->stop());
    run(history_->stop());
    actions_.reset();
    recording_.reset();
    preflight_.reset();
    history_.reset();
    jobs_.reset();
  }

  /// The next command that the host gets; its job's service.
  std::string next(fleet::DeviceDouble& device) {
    const auto command = await<protocol::Command>(device);
    const auto service = run(jobs_->find(command.id)).service;
    commands_[service] = command;
    return service;
  }
  void answer(fleet::DeviceDouble& device, const std::string& service, bool succeeded = true) {
    protocol::CommandResult result;
    result.sequence = ++sequence_;
    result.command_id = commands_.at(service).id;
    result.succeeded = succeeded;
    if (!succeeded) {
      result.code = "conflict";
      result.reason = "PORT_TAKEN";
      result.message = "port 8090 is taken";
    }
    device.send(result);
  }
  void expect(fleet::DeviceDouble& device, const std::string& service, bool succeeds = true) {
    EXPECT_EQ(next(device), service);
    answer(device, service, succeeds);
  }
  storage::JobRecord ended(const std::string& id) { return run(jobs_->wait(id)); }
  static std::string words(const storage::JobRecord& job) {
    std::string text;
    for (const auto& result : Sweep::results_of(job)) {
      text += (text.empty() ? "" : "; ") + result.service + " ";
      text += !result.success ? "?" : *result.success ? "done" : *result.error;
    }
    return text;
  }
  static std::vector<std::string> steps(const storage::JobRecord& job) {
    std::vector<std::string> all;
    for (const auto& step : job.steps) all.push_back(step.name + ": " + step.state);
    return all;
  }

  FileDependencies files_{*registry_, *fleet_, clock_};
  std::unique_ptr<jobs::Jobs> jobs_;
  telemetry::Live live_;
  std::unique_ptr<history::History> history_;
  std::unique_ptr<Preflight> preflight_;
  std::unique_ptr<Recording> recording_;
  std::unique_ptr<ServiceActions> actions_;
  std::map<std::string, protocol::Command> commands_;
  std::int64_t sequence_ = 0;
};

}  // namespace portoser::deployment
