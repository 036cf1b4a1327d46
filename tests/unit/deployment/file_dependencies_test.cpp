#include "controller/deployment/file_dependencies.h"

#include "tests/unit/deployment/actions_fixture.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <gmock/gmock.h>

namespace portoser::deployment {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class FileDependenciesTest : public ActionsTest {
 protected:
  FileDependenciesTest() {
    write_registry(
        "  web: {current_host: brick, docker_compose: /srv/shop/compose.yml, service_name: front}\n"
        "  db: {current_host: brick, docker_compose: /srv/shop/compose.yml, service_name: data}\n"
        "  whole: {current_host: brick, docker_compose: /srv/whole/compose.yml}\n"
        "  unit: {current_host: brick, deployment_type: native, unit: nginx}\n"
        "  sensor: {current_host: brick, deployment_type: local, service_file: "
        "/srv/sensor/service.yml}\n"
        "  away: {current_host: chalk, docker_compose: /srv/a/compose.yml, service_name: a}\n");
  }

  fleet::DeviceDouble knowing() {
    auto device = connect();
    auto message = hello();
    message.knows = {"files.needs"};
    device.send(message);
    await<protocol::Welcome>(device);
    return device;
  }
  /// A round that goes on while the test plays the host.
  std::shared_ptr<bool> look() {
    auto over = std::make_shared<bool>(false);
    asio::co_spawn(context_, files_.look(), [over](const std::exception_ptr& failure) {
      *over = true;
      if (failure) std::rethrow_exception(failure);
    });
    return over;
  }
  void answer(fleet::DeviceDouble& device, const protocol::NeedsReport& report) {
    const auto question = await<protocol::Question>(device);
    asked_ = protocol::decode_arguments<protocol::InspectNeeds>(question.arguments);
    protocol::Answer answer;
    answer.question_id = question.id;
    answer.succeeded = true;
    answer.content = protocol::encode_arguments(report);
    device.send(answer);
  }
  void look_and_answer(fleet::DeviceDouble& device) {
    const auto over = look();
    answer(device,
           {{{"web", "/srv/shop/compose.yml", {"data", "helper"}, ""},
             {"db", "/srv/shop/compose.yml", {}, ""},
             {"sensor", "/srv/sensor/service.yml", {"web", "ghost"}, ""}}});
    step_until([&] { return *over; });
  }
  /// Nobody is asked: the round is over at once.
  bool is_quiet() {
    const auto over = look();
    context_.restart();
    context_.poll();
    return *over;
  }
  DependencyGraph graph() { return files_.graph(*registry_->snapshot()->registry); }
  std::vector<std::string> unread() {
    std::vector<std::string> names;
    for (const auto& one : files_.unread(*registry_->snapshot()->registry)) {
      names.push_back(one.service + ": " + one.reason);
    }
    return names;
  }

  protocol::InspectNeeds asked_;
};

TEST_F(FileDependenciesTest, AHostSaysWhatItsFilesName) {
  auto device = knowing();
  EXPECT_THAT(unread(),
              ElementsAre("web: \"brick\" has not told yet",
                          "db: \"brick\" has not told yet",
                          "sensor: \"brick\" has not told yet",
                          "away: \"chalk\" has not told yet"));
  look_and_answer(device);
  std::vector<std::string> names;
  for (const auto& service : asked_.services) names.push_back(service.name);
  EXPECT_THAT(names, ElementsAre("web", "db", "sensor")) << "others name nobody";
  // A key is the service that the registry has for it; one that it has not is the project's own.
  EXPECT_THAT(graph().needed_by("web"), ElementsAre("db"));
  EXPECT_EQ(graph().source_of("web", "db"), "compose");
  EXPECT_THAT(graph().needed_by("sensor"), ElementsAre("web", "ghost"));
  EXPECT_EQ(graph().source_of("sensor", "web"), "service_yml");
  EXPECT_THAT(graph().missing(), ElementsAre("ghost"));
  EXPECT_THAT(unread(), ElementsAre("away: \"chalk\" has not told yet"));
}

TEST_F(FileDependenciesTest, AHostIsAskedAgainWhenSomethingMayHaveChanged) {
  auto device = knowing();
  look_and_answer(device);
  EXPECT_TRUE(is_quiet());
  clock_.advance(59s);
  EXPECT_TRUE(is_quiet());
  clock_.advance(1s);
  look_and_answer(device);
  write_registry(
      "  web: {current_host: brick, docker_compose: /srv/shop/compose.yml, service_name: other}\n");
  const auto over = look();
  answer(device, {{{"web", "/srv/shop/compose.yml", {}, ""}}});
  step_until([&] { return *over; });
  EXPECT_THAT(graph().needed_by("web"), IsEmpty());
  EXPECT_TRUE(is_quiet());
}

TEST_F(FileDependenciesTest, WhatAHostSaidHoldsUntilItSaysAnotherThing) {
  auto device = knowing();
  look_and_answer(device);
  clock_.advance(61s);
  const auto over = look();
  const auto question = await<protocol::Question>(device);
  protocol::Answer answer;
  answer.question_id = question.id;
  answer.code = "unavailable";
  answer.message = "its disk is slow";
  device.send(answer);
  step_until([&] { return *over; });
  EXPECT_THAT(graph().needed_by("web"), ElementsAre("db"));
  EXPECT_THAT(unread(), ElementsAre("away: \"chalk\" has not told yet"));
}

TEST_F(FileDependenciesTest, AnAgentThatDoesNotKnowTheQuestionLeavesItOpen) {
  const auto device = welcomed();
  EXPECT_TRUE(is_quiet());
  EXPECT_THAT(graph().needed_by("web"), IsEmpty());
  EXPECT_THAT(unread(), testing::Contains(HasSubstr("web: the agent of \"brick\"")));
}

}  // namespace
}  // namespace portoser::deployment
