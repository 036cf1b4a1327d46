// All services of a host, in order; the host is played by the test.

#include "controller/deployment/host_actions.h"

#include "tests/unit/deployment/actions_fixture.h"

#include <gmock/gmock.h>

namespace portoser::deployment {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class HostActionsTest : public ActionsTest {
 protected:
  HostActionsTest() {
    write_registry(
        "  web: {current_host: brick, docker_compose: /srv/web/compose.yml, dependencies: [api]}\n"
        "  api: {current_host: brick, docker_compose: /srv/api/compose.yml, dependencies: [db]}\n"
        "  db: {current_host: brick, docker_compose: /srv/db/compose.yml}\n"
        "  mail: {current_host: brick, docker_compose: /srv/mail/compose.yml}\n"
        "  elsewhere: {current_host: chalk, docker_compose: /srv/elsewhere/compose.yml}\n");
    start_controller();
  }
  ~HostActionsTest() override {
    stop_controller();
    host_actions_.reset();
  }

  void add_kinds() override {
    host_actions_ = std::make_unique<HostActions>(*registry_, *fleet_, *jobs_, *actions_, files_);
  }

  std::string begin(Action action, const std::string& host = "brick") {
    return run(host_actions_->begin(action, host, "ada")).id;
  }
  Error refusal(Action action, const std::string& host = "brick") {
    try {
      begin(action, host);
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "it was accepted";
    return Error{Code::internal, ""};
  }

  std::unique_ptr<HostActions> host_actions_;
};

TEST_F(HostActionsTest, WhatOthersNeedStartsFirst) {
  auto device = welcomed();
  const auto id = begin(Action::start);
  EXPECT_THAT((std::set{next(device), next(device)}), ElementsAre("db", "mail"));
  EXPECT_EQ(commands_.at("db").name, "compose.up");
  answer(device, "db");
  answer(device, "mail");
  expect(device, "api");
  expect(device, "web");
  const auto job = ended(id);
  EXPECT_EQ(job.state, "succeeded");
  EXPECT_EQ(words(job), "db done; mail done; api done; web done");
  EXPECT_THAT(steps(job), ElementsAre("db, mail: succeeded", "api: succeeded", "web: succeeded"));
  EXPECT_NO_THROW(Sweep::require_success(job));
  const auto results = Sweep::results_of(job);
  const auto part = run(jobs_->find(results[0].job_id));
  EXPECT_EQ(part.parent, id);
  EXPECT_EQ(part.created_by, "ada");
  EXPECT_EQ(results[0].target, "brick");
  EXPECT_EQ(results[0].action, "start");
  EXPECT_TRUE(results[0].duration_ms);
}

TEST_F(HostActionsTest, WhatOthersNeedStopsLast) {
  auto device = welcomed();
  const auto id = begin(Action::stop);
  expect(device, "web");
  expect(device, "api", false);
  // A dependency stops although one that needs it did not.
  EXPECT_THAT((std::set{next(device), next(device)}), ElementsAre("db", "mail"));
  answer(device, "db");
  answer(device, "mail");
  EXPECT_EQ(words(ended(id)), "web done; api port 8090 is taken; db done; mail done");
}

TEST_F(HostActionsTest, WhoNeedsOneThatFailedIsNotBegunAndTheOthersAre) {
  auto device = welcomed();
  const auto id = begin(Action::restart);
  EXPECT_THAT((std::set{next(device), next(device)}), ElementsAre("db", "mail"));
  answer(device, "db", false);
  answer(device, "mail");
  const auto job = ended(id);
  EXPECT_EQ(job.state, "failed");
  EXPECT_EQ(words(job),
            "db port 8090 is taken; mail done; api not begun: it needs \"db\", which failed; web "
            "not begun: it needs \"api\", which failed");
  EXPECT_THAT(steps(job), ElementsAre("db, mail: failed", "api: succeeded", "web: succeeded"));
  try {
    Sweep::require_success(job);
    FAIL() << "it failed";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::bad_gateway);
    EXPECT_EQ(error.reason(), "SERVICES_FAILED");
    EXPECT_EQ(error.message(), "3 of 4 services failed to restart: db, api, web");
    ASSERT_EQ(error.details().size(), 4U);
    EXPECT_EQ(error.details()[0].message, id);
    EXPECT_EQ(error.details()[1].where, "db");
    EXPECT_EQ(error.details()[1].message, "port 8090 is taken");
  }
}

/// Whether it runs is not known here.
TEST_F(HostActionsTest, OneThatMayNotBeActedOnHoldsUpNobody) {
  write_registry(
      "  web: {current_host: brick, docker_compose: /srv/web/compose.yml, dependencies: [pg]}\n"
      "  pg: {current_host: brick, deployment_type: native, service_file: /srv/pg/service.yml}\n");
  auto device = welcomed();
  const auto id = begin(Action::start);
  expect(device, "web");
  EXPECT_THAT(words(ended(id)), HasSubstr("pg nobody is named who runs the commands of \"pg\""));
  EXPECT_THAT(words(ended(id)), HasSubstr("web done"));
}

TEST_F(HostActionsTest, AServiceWithoutContainersHasItsPlaceInTheOrder) {
  write_registry(
      "  web: {current_host: brick, docker_compose: /srv/web/compose.yml, dependencies: [pg]}\n"
      "  pg: {current_host: brick, deployment_type: native, unit: postgresql}\n");
  auto device = welcomed();
  const auto id = begin(Action::restart);
  expect(device, "pg");
  expect(device, "web");
  EXPECT_EQ(words(ended(id)), "pg done; web done");
}

TEST_F(HostActionsTest, ABusyServiceFailsAndAnIdenticalJobOfItIsJoined) {
  write_registry(
      "  db: {current_host: brick, docker_compose: /srv/db/compose.yml}\n"
      "  mail: {current_host: brick, docker_compose: /srv/mail/compose.yml}\n");
  auto device = welcomed();
  run(actions_->begin(Action::stop, "db", "bob"));
  run(actions_->begin(Action::start, "mail", "bob"));
  EXPECT_THAT((std::set{next(device), next(device)}), ElementsAre("db", "mail"));
  const auto id = begin(Action::start);
  answer(device, "mail");
  EXPECT_EQ(words(ended(id)), "db \"db\" is busy: stop is under way; mail done");
  answer(device, "db");
}

TEST_F(HostActionsTest, OneJobAtATimeForAHost) {
  auto device = welcomed();
  const auto id = begin(Action::start);
  EXPECT_EQ(begin(Action::start), id);
  const auto busy = refusal(Action::stop);
  EXPECT_EQ(busy.reason(), "BUSY");
  EXPECT_EQ(busy.where(), "path.machine");
  EXPECT_EQ(busy.message(), "\"brick\" is busy: start_host is under way");
}

TEST_F(HostActionsTest, ACancelEndsWhatIsUnderWayAndBeginsNothingMore) {
  auto device = welcomed();
  const auto id = begin(Action::start);
  EXPECT_THAT((std::set{next(device), next(device)}), ElementsAre("db", "mail"));
  run(jobs_->cancel(id));
  std::set<std::string> cancelled{await<protocol::Cancel>(device).id,
                                  await<protocol::Cancel>(device).id};
  EXPECT_THAT(cancelled,
              ElementsAre(std::min(commands_["db"].id, commands_["mail"].id),
                          std::max(commands_["db"].id, commands_["mail"].id)));
  answer(device, "db");
  answer(device, "mail");
  const auto job = ended(id);
  EXPECT_EQ(job.state, "cancelled");
  EXPECT_EQ(job.error_message, "cancelled; not begun: api, web");
  EXPECT_EQ(words(job), "db done; mail done; api ?; web ?");
}

TEST_F(HostActionsTest, AHostWithoutServicesHasNothingToDo) {
  write_registry("  web: {current_host: chalk, docker_compose: /srv/web/compose.yml}\n");
  const auto job = ended(begin(Action::start));
  EXPECT_EQ(job.state, "succeeded");
  EXPECT_THAT(Sweep::results_of(job), IsEmpty());
}

TEST_F(HostActionsTest, WhatCanBeKnownBeforeIsRefusedBefore) {
  EXPECT_EQ(refusal(Action::start, "brik").reason(), "MACHINE_UNKNOWN");
  EXPECT_EQ(refusal(Action::start).reason(), "AGENT_OFFLINE");
  EXPECT_EQ(refusal(Action::start, "chalk").reason(), "AGENT_MISSING");
  auto device = welcomed();
  write_registry(
      "  a: {current_host: brick, docker_compose: /srv/a/compose.yml, dependencies: [b]}\n"
      "  b: {current_host: brick, docker_compose: /srv/b/compose.yml, dependencies: [a]}\n");
  EXPECT_EQ(refusal(Action::start).reason(), "DEPENDENCY_CYCLE");
  EXPECT_EQ(refusal(Action::restart).reason(), "DEPENDENCY_CYCLE");
  EXPECT_THAT(run(jobs_->list({})), IsEmpty());
}

TEST_F(HostActionsTest, ServicesThatNeedEachOtherCanBeStopped) {
  write_registry(
      "  a: {current_host: brick, docker_compose: /srv/a/compose.yml, dependencies: [b]}\n"
      "  b: {current_host: brick, docker_compose: /srv/b/compose.yml, dependencies: [a, db]}\n"
      "  db: {current_host: brick, docker_compose: /srv/db/compose.yml}\n");
  auto device = welcomed();
  const auto id = begin(Action::stop);
  for (int i = 0; i < 3; ++i) {
    const auto service = next(device);
    answer(device, service);
    EXPECT_EQ(service == "db", i == 2) << "others need it";
  }
  EXPECT_EQ(ended(id).state, "succeeded");
}

/// Its order is hours old, perhaps: what was not begun is not begun any more.
TEST_F(HostActionsTest, AfterARestartTheBegunPartsCountAndTheOthersAreNamed) {
  std::string id;
  {
    auto device = welcomed();
    id = begin(Action::start);
    EXPECT_THAT((std::set{next(device), next(device)}), ElementsAre("db", "mail"));
  }
  stop_controller();
  close();
  open();
  start_controller();
  auto device = welcomed();
  EXPECT_THAT((std::set{next(device), next(device)}), ElementsAre("db", "mail"));
  EXPECT_TRUE(commands_.at("db").adopt_only);
  answer(device, "db");
  answer(device, "mail", false);
  const auto job = ended(id);
  EXPECT_EQ(job.state, "interrupted");
  EXPECT_EQ(job.error_message, "the controller was restarted meanwhile; not begun: api, web");
  EXPECT_EQ(words(job), "db done; mail port 8090 is taken; api ?; web ?");
}

}  // namespace
}  // namespace portoser::deployment
