// What becomes of an action whose host could not do it; the host is played by the test.

#include "controller/deployment/service_actions.h"

#include "tests/unit/deployment/actions_fixture.h"

#include <gmock/gmock.h>

namespace portoser::deployment {
namespace {

using testing::ElementsAre;

/// What `require_success` throws.
Error error_of(const storage::JobRecord& job) {
  try {
    ServiceActions::require_success(job);
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "a job that " << job.state << " was taken for a success";
  return Error{Code::internal, ""};
}

std::vector<std::string> details_of(const Error& error) {
  std::vector<std::string> texts;
  for (const auto& detail : error.details()) texts.push_back(detail.where + ": " + detail.message);
  return texts;
}

class ServiceActionsTest : public ActionsTest {
 protected:
  ServiceActionsTest() { start_controller(); }
  ~ServiceActionsTest() override { stop_controller(); }

  Error refusal(const std::string& service) {
    try {
      run(actions_->begin(Action::start, service, "ada"));
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "the action was accepted";
    return Error{Code::internal, ""};
  }
};

TEST_F(ServiceActionsTest, AFailureOnTheHostSaysWhichStepFailedAndWhatTheToolSaid) {
  auto device = welcomed();
  const auto id = run(actions_->begin(Action::rebuild, "notes", "ada")).id;
  await<protocol::Command>(device);
  device.send(protocol::Progress{id, "config", 0, {}, {"config", "pull", "up"}});
  protocol::CommandResult result;
  result.sequence = 1;
  result.command_id = id;
  result.code = "invalid";
  result.reason = "IMAGE_MISSING";
  result.message = "the image could not be pulled";
  result.hint = "check its name";
  result.failed_step = "pull";
  result.last_lines = {"pulling", "manifest unknown"};
  device.send(result);
  const auto error = error_of(run(jobs_->wait(id)));
  EXPECT_EQ(error.code(), Code::bad_gateway);
  EXPECT_EQ(error.reason(), "IMAGE_MISSING");
  EXPECT_EQ(error.message(), "the image could not be pulled");
  EXPECT_EQ(error.hint(), "check its name");
  EXPECT_THAT(
      details_of(error),
      ElementsAre("job_id: " + id, "step: pull", "output: pulling", "output: manifest unknown"));
}

TEST_F(ServiceActionsTest, WhatIsRefusedBeforeKeepsItsCode) {
  const auto unknown = refusal("note");
  EXPECT_EQ(unknown.code(), Code::not_found);
  EXPECT_EQ(unknown.reason(), "SERVICE_UNKNOWN");
  EXPECT_EQ(unknown.hint(), "did you mean \"notes\"?");
  EXPECT_EQ(refusal("notes").reason(), "AGENT_OFFLINE");
}

/// What runs is never taken down for what may not.
class LooksFirst : public ServiceActionsTest, public testing::WithParamInterface<Action> {
 protected:
  static protocol::PreflightReport found(const std::string& severity) {
    protocol::PreflightReport report;
    report.findings = {{"ports", severity, "PORT_TAKEN", "8090", "port 8090 is taken", "free it"}};
    return report;
  }
};

TEST_P(LooksFirst, AndWhatWouldFailIsNotBegun) {
  auto device = knowing({"compose.preflight"});
  const auto id = run(actions_->begin(GetParam(), "notes", "ada")).id;
  const auto asked = tell<protocol::PreflightCompose>(device, found("error"));
  EXPECT_EQ(asked.target.service, "notes");
  EXPECT_EQ(asked.action, GetParam() == Action::start ? "up" : enum_name(GetParam()));
  const auto job = ended(id);
  EXPECT_EQ(job.state, "failed");
  EXPECT_THAT(job.command_id, testing::IsEmpty()) << "the host was told to do it";
  EXPECT_THAT(steps(job), ElementsAre("preflight: failed"));
  const auto error = error_of(job);
  EXPECT_EQ(error.code(), Code::invalid);
  EXPECT_EQ(error.reason(), "PORT_TAKEN");
  EXPECT_THAT(error.message(), testing::EndsWith(": port 8090 is taken"));
}

TEST_P(LooksFirst, AndAWarningIsOnlyTold) {
  auto device = knowing({"compose.preflight"});
  const auto id = run(actions_->begin(GetParam(), "notes", "ada")).id;
  tell<protocol::PreflightCompose>(device, found("warning"));
  expect(device, "notes");
  EXPECT_EQ(ended(id).state, "succeeded");
  const auto lines = run(jobs_->log(id, 0, 10));
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(lines[0].text, "warning: port 8090 is taken");
}

INSTANTIATE_TEST_SUITE_P(All,
                         LooksFirst,
                         testing::Values(Action::start, Action::restart, Action::rebuild),
                         [](const auto& one) { return std::string{enum_name(one.param)}; });

TEST_F(ServiceActionsTest, AServiceThatIsDownWhoseNeedsAreDownIsRestartedAllTheSame) {
  write_registry(
      "  notes: {current_host: brick, docker_compose: /srv/notes/compose.yml, dependencies: "
      "[db]}\n"
      "  db: {current_host: brick, docker_compose: /srv/db/compose.yml}\n");
  auto device = knowing({"compose.preflight"});
  const auto id = run(actions_->begin(Action::restart, "notes", "ada")).id;
  tell<protocol::PreflightCompose>(device, {});
  expect(device, "notes");
  EXPECT_EQ(ended(id).state, "succeeded");
  const auto lines = run(jobs_->log(id, 0, 10));
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(lines[0].text, "warning: \"notes\" needs \"db\", which is unknown");
}

class NativeActionsTest : public ServiceActionsTest {
 protected:
  void write(const std::string& host, const std::string& services) {
    write_file_atomic(folder_ / "registry.yml",
                      "hosts:\n  brick: {ip: 127.0.0.1" + host + "}\nservices:\n" + services);
    run(registry_->reload());
  }
  template <class Command>
  Command sent(Action action, const std::string& service) {
    auto device = welcomed();
    run(actions_->begin(action, service, "ada"));
    auto command = await<protocol::Command>(device);
    // What an earlier connection was sent is told again first.
    while (command.name != Command::name && !HasFatalFailure()) {
      command = await<protocol::Command>(device);
    }
    return protocol::decode_arguments<Command>(command.arguments);
  }
  Error refusal_of(Action action, const std::string& service) {
    auto device = welcomed();
    try {
      run(actions_->begin(action, service, "ada"));
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "the action was accepted";
    return Error{Code::internal, ""};
  }
};

TEST_F(NativeActionsTest, AUnitGoesToTheHostByItsName) {
  write("", "  web: {current_host: brick, deployment_type: native, unit: nginx}\n");
  const auto command = sent<protocol::NativeRestart>(Action::restart, "web");
  EXPECT_EQ(command.target.service, "web");
  EXPECT_EQ(command.target.unit, "nginx");
}

TEST_F(NativeActionsTest, AFileGoesWithWhoRunsItAndWhere) {
  write(", ssh_user: ada, path: /srv",
        "  sensor: {current_host: brick, deployment_type: local, service_file: "
        "apps/sensor/service.yml}\n  pg: {current_host: brick, deployment_type: local, "
        "working_dir: /opt/pg}\n");
  const auto command = sent<protocol::NativeStart>(Action::start, "sensor");
  EXPECT_EQ(command.target.user, "ada");
  EXPECT_THAT(command.target.files, ElementsAre("/srv/apps/sensor/service.yml"));
  const auto other = sent<protocol::NativeStop>(Action::stop, "pg");
  EXPECT_EQ(other.target.working_dir, "/opt/pg");
  EXPECT_THAT(other.target.files, testing::Contains("/opt/pg/service.yml"));
}

TEST_F(NativeActionsTest, ThereIsNothingToRebuild) {
  write("", "  web: {current_host: brick, deployment_type: native, unit: nginx}\n");
  const auto error = refusal_of(Action::rebuild, "web");
  EXPECT_EQ(error.reason(), "KIND_NOT_SUPPORTED");
  EXPECT_EQ(error.code(), Code::invalid);
  EXPECT_EQ(error.hint(), "restart it");
}

TEST_F(NativeActionsTest, NobodyRunsACommandWithoutAName) {
  write("",
        "  sensor: {current_host: brick, deployment_type: native, service_file: /s/service.yml}\n");
  EXPECT_EQ(refusal_of(Action::start, "sensor").reason(), "SERVICE_USER_MISSING");
  EXPECT_EQ(sent<protocol::NativeStop>(Action::stop, "sensor").target.service, "sensor");
}

struct Ending {
  std::string code;
  std::string reason;
  Code answer;
  std::string answer_reason;
};

class EndOfAJob : public testing::TestWithParam<Ending> {
 protected:
  static storage::JobRecord job(bool was_sent) {
    storage::JobRecord record;
    record.id = "7";
    record.state = "failed";
    record.error_code = GetParam().code;
    record.error_reason = GetParam().reason;
    record.error_message = "it did not work";
    if (was_sent) record.command_id = "7";
    return record;
  }
};

TEST_P(EndOfAJob, TellsTheHostsFailuresFromThoseOfTheRequest) {
  const auto error = error_of(job(true));
  EXPECT_EQ(to_string(error.code()), to_string(GetParam().answer));
  EXPECT_EQ(error.reason(), GetParam().answer_reason);
}

TEST_P(EndOfAJob, KeepsTheCodeOfWhatNoHostWasAsked) {
  const auto error = error_of(job(false));
  EXPECT_EQ(to_string(error.code()), GetParam().code);
  EXPECT_EQ(error.reason(), GetParam().reason);
}

INSTANTIATE_TEST_SUITE_P(
    All,
    EndOfAJob,
    testing::Values(
        Ending{"invalid", "COMPOSE_INVALID", Code::bad_gateway, "COMPOSE_INVALID"},
        Ending{"invalid", "IMAGE_MISSING", Code::bad_gateway, "IMAGE_MISSING"},
        Ending{"not_found", "COMPOSE_FILE_MISSING", Code::bad_gateway, "COMPOSE_FILE_MISSING"},
        Ending{"not_found", "NOT_FOUND", Code::bad_gateway, "BAD_GATEWAY"},
        Ending{"invalid", "UNKNOWN_COMMAND", Code::bad_gateway, "UNKNOWN_COMMAND"},
        Ending{"conflict", "PORT_TAKEN", Code::bad_gateway, "PORT_TAKEN"},
        Ending{"internal", "CONTAINER_EXITED", Code::bad_gateway, "CONTAINER_EXITED"},
        Ending{"internal", "ACTION_FAILED", Code::bad_gateway, "ACTION_FAILED"},
        Ending{"unavailable", "ACTION_FAILED", Code::bad_gateway, "ACTION_FAILED"},
        Ending{"unavailable", "COMPOSE_MISSING", Code::bad_gateway, "COMPOSE_MISSING"},
        Ending{"unavailable", "SYSTEMD_MISSING", Code::bad_gateway, "SYSTEMD_MISSING"},
        Ending{"not_found", "UNIT_MISSING", Code::bad_gateway, "UNIT_MISSING"},
        Ending{"internal", "SERVICE_EXITED", Code::bad_gateway, "SERVICE_EXITED"},
        Ending{"unavailable", "SYSTEMD_UNAVAILABLE", Code::unavailable, "SYSTEMD_UNAVAILABLE"},
        Ending{"unavailable", "ACTION_INTERRUPTED", Code::bad_gateway, "ACTION_INTERRUPTED"},
        Ending{"unavailable", "ENGINE_ERROR", Code::bad_gateway, "ENGINE_ERROR"},
        Ending{"internal", "DISK_FULL", Code::bad_gateway, "DISK_FULL"},
        Ending{"unavailable", "DISK_FULL", Code::unavailable, "DISK_FULL"},
        Ending{"internal", "INTERNAL", Code::internal, "INTERNAL"},
        Ending{"conflict", "BUSY", Code::conflict, "BUSY"},
        Ending{"conflict", "ACTION_CANCELLED", Code::conflict, "ACTION_CANCELLED"},
        Ending{"deadline", "ACTION_DEADLINE", Code::deadline, "ACTION_DEADLINE"},
        Ending{"unavailable", "AGENT_OFFLINE", Code::unavailable, "AGENT_OFFLINE"},
        Ending{"unavailable", "AGENT_LOST", Code::unavailable, "AGENT_LOST"},
        Ending{"unavailable", "ENGINE_UNAVAILABLE", Code::unavailable, "ENGINE_UNAVAILABLE"}),
    [](const auto& ending) { return ending.param.code + "_" + ending.param.reason; });

TEST(RequireSuccess, HasNothingToSayOfAJobThatSucceeded) {
  storage::JobRecord record;
  record.state = "succeeded";
  EXPECT_NO_THROW(ServiceActions::require_success(record));
}

}  // namespace
}  // namespace portoser::deployment
