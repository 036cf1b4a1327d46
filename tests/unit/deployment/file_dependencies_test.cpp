#include "controller/deployment/file_dependencies.h"

#include "tests/unit/deployment/actions_fixture.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <fmt/format.h>
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
    asio::co_spawn(context_, own_.look(), [over](const std::exception_ptr& failure) {
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
    answer(
        device,
        {{{"web",
           "/srv/shop/compose.yml",
           {{"data", "required"}, {"helper", "required"}, {"side", "optional"}},
           ""},
          {"db", "/srv/shop/compose.yml", {}, ""},
          {"sensor", "/srv/sensor/service.yml", {{"web", "required"}, {"ghost", "optional"}}, ""},
          {"uninvited", "/srv/x/compose.yml", {{"db", "required"}}, ""}}});
    step_until([&] { return *over; });
  }
  /// Nobody is asked: the round is over at once.
  bool is_quiet() {
    const auto over = look();
    context_.restart();
    context_.poll();
    return *over;
  }
  DependencyGraph graph() { return own_.graph(*registry_->snapshot()->registry); }
  std::vector<std::string> unread() {
    std::vector<std::string> names;
    for (const auto& one : own_.unread(*registry_->snapshot()->registry)) {
      names.push_back(one.service + ": " + one.reason);
    }
    return names;
  }

  ManualClock manual_;
  FileDependencies own_{*registry_, *fleet_, manual_};
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
  EXPECT_EQ(graph().need_of("web", "db").source, "compose");
  EXPECT_THAT(graph().needed_by("uninvited"), IsEmpty());
  EXPECT_THAT(graph().needed_by("sensor"), ElementsAre("web", "ghost"));
  EXPECT_EQ(graph().need_of("sensor", "web").source, "service_yml");
  EXPECT_EQ(graph().need_of("sensor", "ghost").type, "optional");
  EXPECT_THAT(graph().missing(), ElementsAre("ghost"));
  EXPECT_THAT(unread(), ElementsAre("away: \"chalk\" has not told yet"));
}

TEST_F(FileDependenciesTest, AHostIsAskedAgainWhenSomethingMayHaveChanged) {
  auto device = knowing();
  look_and_answer(device);
  EXPECT_TRUE(is_quiet());
  manual_.advance(59s);
  EXPECT_TRUE(is_quiet());
  manual_.advance(1s);
  look_and_answer(device);
  write_registry(
      "  web: {current_host: brick, docker_compose: /srv/shop/compose.yml, service_name: other}\n");
  const auto over = look();
  answer(device, {{{"web", "/srv/shop/compose.yml", {}, ""}}});
  step_until([&] { return *over; });
  EXPECT_THAT(graph().needed_by("web"), IsEmpty());
  EXPECT_TRUE(is_quiet());
}

TEST_F(FileDependenciesTest, AJobThatWroteAFileHasItReadAnew) {
  auto device = knowing();
  look_and_answer(device);
  storage::JobRecord job;
  job.host = "brick";
  job.kind = "restart";
  own_.job_finished(job);
  EXPECT_TRUE(is_quiet());
  job.kind = "update";
  own_.job_finished(job);
  look_and_answer(device);
}

TEST_F(FileDependenciesTest, WhatWasSaidOfAnotherEntryIsNotBelieved) {
  auto device = knowing();
  look_and_answer(device);
  write_registry(
      "  web: {current_host: brick, deployment_type: local, service_file: "
      "/srv/shop/service.yml}\n");
  EXPECT_THAT(graph().needed_by("web"), IsEmpty());
  EXPECT_THAT(graph().missing(), IsEmpty());
  EXPECT_THAT(unread(), ElementsAre("web: \"brick\" has not told yet"));
}

TEST_F(FileDependenciesTest, TheSameFileUnderTwoProjectNamesIsTwoProjects) {
  std::string services;
  for (const auto* project : {"a", "b"}) {
    for (const auto* key : {"web", "db"}) {
      services += fmt::format(
          "  {0}-{1}: {{current_host: brick, docker_compose: /srv/x/compose.yml, project: {0}, "
          "service_name: {1}}}\n",
          project,
          key);
    }
  }
  write_registry(services);
  auto device = knowing();
  const auto over = look();
  protocol::NeedsReport report;
  for (const auto* name : {"a-web", "b-web"}) {
    report.services.push_back({name, "/srv/x/compose.yml", {{"db", "required"}}, ""});
  }
  for (const auto* name : {"a-db", "b-db"}) {
    report.services.push_back({name, "/srv/x/compose.yml", {}, ""});
  }
  answer(device, report);
  step_until([&] { return *over; });
  EXPECT_THAT(graph().needed_by("a-web"), ElementsAre("a-db"));
  EXPECT_THAT(graph().needed_by("b-web"), ElementsAre("b-db"));
}

TEST_F(FileDependenciesTest, AHalfSavedFileForgetsNothing) {
  auto device = knowing();
  look_and_answer(device);
  manual_.advance(61s);
  const auto over = look();
  answer(device, {{{"web", "", {}, "it is not YAML"}}});
  step_until([&] { return *over; });
  EXPECT_THAT(graph().needed_by("web"), IsEmpty()) << "\"db\" was not spoken of";
  EXPECT_THAT(unread(), testing::Contains("web: it is not YAML"));
  manual_.advance(61s);
  look_and_answer(device);
  manual_.advance(61s);
  const auto again = look();
  answer(device, {{{"web", "", {}, "it is not YAML"}, {"db", "/srv/shop/compose.yml", {}, ""}}});
  step_until([&] { return *again; });
  EXPECT_THAT(graph().needed_by("web"), ElementsAre("db"));
}

TEST_F(FileDependenciesTest, MoreThanAFileMayNameIsAProblem) {
  auto device = knowing();
  std::vector<protocol::NeedInFile> many;
  for (int i = 0; i < 201; ++i) many.push_back({fmt::format("n{}", i), "required"});
  const auto over = look();
  answer(device,
         {{{"web", "/srv/shop/compose.yml", many, ""},
           {"sensor", "/srv/sensor/service.yml", {{"two\nlines", "required"}}, ""}}});
  step_until([&] { return *over; });
  EXPECT_THAT(graph().missing(), IsEmpty());
  EXPECT_THAT(unread(), testing::Contains(HasSubstr("web: its file names too many")));
  EXPECT_THAT(unread(), testing::Contains(HasSubstr("sensor: its file names too many")));
}

TEST_F(FileDependenciesTest, WhoIsNeededByAFileIsNotRemovedByTheWay) {
  auto device = knowing();
  look_and_answer(device);
  const auto registry = registry_->snapshot()->registry;
  EXPECT_NO_THROW(own_.require_unneeded(*registry, "sensor"));
  try {
    own_.require_unneeded(*registry, "db");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), "SERVICE_NEEDED");
  }
}

TEST_F(FileDependenciesTest, WhatAHostSaidHoldsUntilItSaysAnotherThing) {
  auto device = knowing();
  look_and_answer(device);
  manual_.advance(61s);
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
