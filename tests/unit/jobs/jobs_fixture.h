/// Jobs on a real fleet and a real database; the host is played by the test.
#pragma once

#include "controller/jobs/jobs.h"
#include "controller/jobs/steps.h"
#include "tests/unit/fleet/fleet_fixture.h"

namespace portoser::jobs {

class JobsTest : public fleet::FleetTest {
 protected:
  JobsTest() {
    start_jobs();
    join_brick();
  }
  ~JobsTest() override { stop_jobs(); }

  void start_jobs() {
    jobs_ = std::make_unique<Jobs>(*database_, *fleet_, clock_, context_.get_executor());
    for (const auto* kind : {"restart", "stop"}) {
      jobs_->add_kind(kind,
                      [](std::shared_ptr<jobs::Run> job) { return one_command(std::move(job)); });
    }
    run(jobs_->start());
  }
  void stop_jobs() {
    if (jobs_) run(jobs_->stop());
    jobs_.reset();
  }
  /// As after a crash of the controller: nothing in memory, the database as it is.
  void restart_controller() {
    stop_jobs();
    close();
    open();
    start_jobs();
  }

  static asio::awaitable<void> one_command(std::shared_ptr<jobs::Run> job) {
    Bytes arguments;
    co_await job->command("compose.restart", std::move(arguments), std::chrono::minutes{1});
  }
  static Request request(const std::string& kind = "restart") {
    Request made;
    made.kind = kind;
    made.service = "notes";
    made.host = "brick";
    made.created_by = "ada";
    return made;
  }
  static protocol::CommandResult result_of(const std::string& id,
                                           bool succeeded,
                                           std::int64_t sequence) {
    protocol::CommandResult result;
    result.sequence = sequence;
    result.command_id = id;
    result.succeeded = succeeded;
    if (!succeeded) {
      result.code = "conflict";
      result.reason = "PORT_TAKEN";
      result.message = "port 8090 is taken";
    }
    return result;
  }
  static std::string words(const Steps& steps) {
    std::string text;
    for (const auto& step : steps) {
      text += (text.empty() ? "" : ", ") + step.name + " " + step.state;
    }
    return text;
  }
  std::string state_of(const std::string& id) { return run(jobs_->find(id)).state; }

  std::unique_ptr<Jobs> jobs_;
};

}  // namespace portoser::jobs
