// What a host is asked before a change of one of its services; the host is played by the test.
#include "controller/deployment/preflight.h"

#include "tests/unit/deployment/actions_fixture.h"

#include <gmock/gmock.h>

namespace portoser::deployment {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

class PreflightTest : public ActionsTest {
 protected:
  PreflightTest() {
    write_file_atomic(
        folder_ / "registry.yml",
        "hosts:\n  brick: {ip: 127.0.0.1, ssh_user: ada}\nservices:\n"
        "  web: {current_host: brick, docker_compose: /srv/web/compose.yml}\n"
        "  sensor: {current_host: brick, deployment_type: local, service_file: /srv/sensor.yml, "
        "port: 9444}\n"
        "  ticker: {current_host: brick, deployment_type: native, unit: ticker}\n");
    run(registry_->reload());
    start_controller();
  }
  ~PreflightTest() override { stop_controller(); }

  /// Goes on while the test plays the host.
  std::shared_ptr<std::optional<protocol::PreflightReport>> look(const std::string& service,
                                                                 const std::string& action) {
    auto found = std::make_shared<std::optional<protocol::PreflightReport>>();
    PreflightWish wish;
    wish.service = service;
    wish.action = action;
    asio::co_spawn(context_,
                   preflight_->look(std::move(wish)),
                   [found](const std::exception_ptr& /*ended*/, protocol::PreflightReport report) {
                     *found = std::move(report);
                   });
    return found;
  }
  static void answer_with(fleet::DeviceDouble& device,
                          const protocol::Question& question,
                          const std::string& reason) {
    protocol::PreflightReport report;
    report.checks = {"unit"};
    report.findings = {{"unit", "error", reason, "ticker.service", "it is not well", "mend it"}};
    protocol::Answer answer;
    answer.question_id = question.id;
    answer.succeeded = true;
    answer.content = protocol::encode_arguments(report);
    device.send(answer);
  }
};

TEST_F(PreflightTest, AHostIsAskedAboutAServiceWithoutContainers) {
  auto device = knowing({"native.preflight"});
  const auto found = look("sensor", "up");
  const auto question = await<protocol::Question>(device);
  EXPECT_EQ(question.name, "native.preflight");
  const auto asked = protocol::decode_arguments<protocol::PreflightNative>(question.arguments);
  EXPECT_EQ(asked.target.service, "sensor");
  EXPECT_EQ(asked.target.user, "ada");
  EXPECT_THAT(asked.target.files, ElementsAre("/srv/sensor.yml"));
  EXPECT_EQ(asked.action, "start");
  EXPECT_THAT(asked.ports, ElementsAre(9444));
  answer_with(device, question, "SERVICE_FILE_INVALID");
  step_until([&] { return found->has_value(); });
  ASSERT_EQ(found->value().findings.size(), 2U);
  EXPECT_EQ(found->value().findings[0].reason, "DEPENDENCIES_UNREAD");
  EXPECT_EQ(found->value().findings[1].reason, "SERVICE_FILE_INVALID");
  EXPECT_THAT(found->value().checks, Contains("unit"));
}

TEST_F(PreflightTest, ARestartOfAUnitIsAskedForAsOne) {
  auto device = knowing({"native.preflight"});
  const auto found = look("ticker", "restart");
  const auto question = await<protocol::Question>(device);
  const auto asked = protocol::decode_arguments<protocol::PreflightNative>(question.arguments);
  EXPECT_EQ(asked.target.unit, "ticker");
  EXPECT_EQ(asked.action, "restart");
  answer_with(device, question, "SYSTEMD_MISSING");
  step_until([&] { return found->has_value(); });
  try {
    require_good(found->value(), "it is not restarted");
    FAIL() << "it was let through";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::unavailable) << "systemd is away, the request is good";
    EXPECT_THAT(error.message(), HasSubstr("it is not well"));
  }
}

TEST_F(PreflightTest, ALateLookForbidsNoRestart) {
  auto device = knowing({"native.preflight"});
  for (const auto* reason : {"QUESTION_DEADLINE", "BUSY"}) {
    const auto found = look("ticker", "restart");
    answer_with(device, await<protocol::Question>(device), reason);
    step_until([&] { return found->has_value(); });
    EXPECT_NO_THROW(require_good(found->value(), "it is not restarted")) << reason;
    const auto start = look("ticker", "up");
    answer_with(device, await<protocol::Question>(device), reason);
    step_until([&] { return start->has_value(); });
    try {
      require_good(start->value(), "it is not started");
      FAIL() << "it was let through";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::unavailable) << reason;
    }
  }
}

TEST_F(PreflightTest, AnAgentThatDoesNotKnowTheQuestionIsNotAsked) {
  auto device = knowing({"compose.preflight"});
  const auto found = look("ticker", "restart");
  step_until([&] { return found->has_value(); });
  ASSERT_EQ(found->value().findings.size(), 1U);
  EXPECT_EQ(found->value().findings[0].reason, "AGENT_TOO_OLD");
  EXPECT_EQ(found->value().findings[0].severity, "warning");
}

}  // namespace
}  // namespace portoser::deployment
