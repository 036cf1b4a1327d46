// Moves, planned and carried out; the host is played by the test.

#include "controller/deployment/batches.h"

#include "controller/deployment/deployment_state.h"
#include "tests/unit/deployment/actions_fixture.h"

#include <gmock/gmock.h>

#include <algorithm>

namespace portoser::deployment {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Move to_brick(const std::string& service) {
  return {service, std::nullopt, "brick"};
}

class BatchesTest : public ActionsTest {
 protected:
  BatchesTest() {
    write_registry(
        "  web: {current_host: brick, docker_compose: /srv/web/compose.yml, dependencies: [db]}\n"
        "  db: {current_host: brick, docker_compose: /srv/db/compose.yml}\n"
        "  a: {current_host: brick, docker_compose: /srv/a/compose.yml, dependencies: [b]}\n"
        "  b: {current_host: brick, docker_compose: /srv/b/compose.yml, dependencies: [a]}\n"
        "  nowhere: {docker_compose: /srv/nowhere/compose.yml}\n");
    start_controller();
  }
  ~BatchesTest() override {
    stop_controller();
    states_.reset();
    batches_.reset();
    planner_.reset();
    mover_.reset();
    editor_.reset();
    pending_.reset();
  }

  void add_kinds() override {
    editor_ = std::make_unique<registry::RegistryEditor>(
        *registry_, folder_ / "registry.yml", folder_ / "registry-backups", clock_);
    mover_ = std::make_unique<Mover>(
        *registry_, *editor_, *fleet_, *jobs_, *recording_, routing_, *database_, clock_);
    planner_ =
        std::make_unique<Planner>(*registry_, live_, *preflight_, *mover_, *history_, files_);
    pending_ = std::make_unique<PendingMoves>(*registry_, *database_, clock_);
    batches_ = std::make_unique<Batches>(
        *registry_, *jobs_, *actions_, *mover_, *planner_, *pending_, files_);
    states_ = std::make_unique<DeploymentStates>(*pending_, *jobs_, *history_);
  }

  /// A request that goes on while the test plays the host.
  struct Asked {
    std::optional<jobs::Submitted> submitted;
    std::optional<Error> refusal;
    [[nodiscard]] bool over() const { return submitted || refusal; }
  };
  std::shared_ptr<Asked> ask(std::vector<Move> moves) {
    auto asked = std::make_shared<Asked>();
    asio::co_spawn(context_,
                   batches_->begin(std::move(moves), "ada"),
                   [asked](const std::exception_ptr& ended, jobs::Submitted submitted) {
                     try {
                       if (ended) std::rethrow_exception(ended);
                       asked->submitted = std::move(submitted);
                     } catch (const Error& error) {
                       asked->refusal = error;
                     }
                   });
    return asked;
  }
  std::string begin(std::vector<Move> moves) {
    const auto asked = ask(std::move(moves));
    step_until([&] { return asked->over(); });
    if (asked->refusal) ADD_FAILURE() << asked->refusal->message();
    return asked->submitted.value_or(jobs::Submitted{}).id;
  }
  Error refusal(std::vector<Move> moves) {
    const auto asked = ask(std::move(moves));
    step_until([&] { return asked->over(); });
    EXPECT_THAT(run(jobs_->list({})), testing::SizeIs(jobs_before_)) << "nothing is touched";
    return asked->refusal.value_or(Error{Code::internal, "it was accepted"});
  }
  Plan plan(std::vector<Move> moves) { return run(planner_->plan(std::move(moves))); }
  static std::vector<std::string> reasons(const PlannedMove& move) {
    std::vector<std::string> all;
    for (const auto& finding : move.findings) all.push_back(finding.reason);
    return all;
  }

  /// A host whose agent looks before it acts.
  fleet::DeviceDouble looking() { return knowing({"compose.preflight"}); }
  /// Answers the next question; its service.
  std::string found(fleet::DeviceDouble& device, std::vector<protocol::Finding> findings) {
    protocol::PreflightReport report;
    report.findings = std::move(findings);
    report.volumes = {"db_data"};
    return tell<protocol::PreflightCompose>(device, report).target.service;
  }
  void tell_stopped(const std::string& service) {
    protocol::State state;
    state.engine_available = true;
    protocol::ServiceState one;
    one.name = service;
    one.status = "stopped";
    state.services = {one};
    live_.on_liveness("brick", fleet::Liveness::unknown, fleet::Liveness::online, clock_.now());
    live_.on_state("brick", clock_.now(), std::move(state));
  }

  std::unique_ptr<registry::RegistryEditor> editor_;
  Routing routing_{*registry_, *fleet_};
  std::unique_ptr<Mover> mover_;
  std::unique_ptr<Planner> planner_;
  std::unique_ptr<PendingMoves> pending_;
  std::unique_ptr<Batches> batches_;
  std::unique_ptr<DeploymentStates> states_;
  std::size_t jobs_before_ = 0;
};

TEST_F(BatchesTest, APlanSaysWhatWouldBeDoneInTheOrderOfDependencies) {
  auto device = welcomed();
  tell_stopped("db");
  const auto made = plan({to_brick("web"), to_brick("db"), to_brick("nowhere")});
  ASSERT_EQ(made.plan.size(), 3U);
  EXPECT_EQ(made.total_operations, 3);
  EXPECT_FALSE(made.ok);
  EXPECT_EQ(made.plan[0].service, "db");
  EXPECT_EQ(made.plan[0].action, "START");
  EXPECT_EQ(made.plan[0].command, "start \"db\" on brick");
  EXPECT_EQ(made.plan[1].service, "nowhere");
  EXPECT_EQ(made.plan[1].action, "FRESH DEPLOY");
  EXPECT_EQ(made.plan[1].risk, "high");
  EXPECT_THAT(reasons(made.plan[1]), ElementsAre("AGENT_TOO_OLD"));
  EXPECT_EQ(made.plan[2].service, "web");
  EXPECT_EQ(made.plan[2].action, "RESTART IN PLACE");
  EXPECT_EQ(made.plan[2].from_machine, "brick");
  EXPECT_THAT(made.plan[2].errors, IsEmpty());
  EXPECT_THAT(reasons(made.plan[2]), ElementsAre("DEPENDENCY_DOWN", "AGENT_TOO_OLD"));
  EXPECT_EQ(made.plan[2].risk, "medium");
  EXPECT_FALSE(made.plan[2].estimated_seconds);
  EXPECT_THAT(run(jobs_->list({})), IsEmpty()) << "nothing is done";
}

TEST_F(BatchesTest, AMoveToAnotherHostNeedsAgentsOnBoth) {
  const auto made = plan({{"db", "brick", "chalk"}});
  EXPECT_EQ(made.plan[0].action, "MIGRATE from brick");
  EXPECT_EQ(made.plan[0].does, "move");
  EXPECT_THAT(reasons(made.plan[0]), ElementsAre("AGENT_MISSING", "AGENT_OFFLINE"));
  const auto error = refusal({{"db", "brick", "chalk"}});
  EXPECT_EQ(error.code(), Code::unavailable);
  EXPECT_EQ(error.reason(), "AGENT_MISSING");
}

TEST_F(BatchesTest, APlanHasWhatTheHostFindsAndHowLongItTookBefore) {
  storage::DeploymentStore store{*database_};
  for (int i = 1; i <= 2; ++i) {
    storage::DeploymentRecord record;
    record.id = "deploy-" + std::to_string(i);
    record.job_id = record.id;
    record.started_at = clock_.now();
    record.service = "db";
    record.action = "restart";
    record.status = "success";
    record.duration_ms = 1000 * i;
    run(store.insert(record));
  }
  auto device = looking();
  std::optional<Plan> made;
  asio::co_spawn(context_,
                 planner_->plan({to_brick("db")}),
                 [&](const std::exception_ptr& /*ended*/, Plan plan) { made = std::move(plan); });
  EXPECT_EQ(found(device, {{"disk", "warning", "DISK_LOW", "/", "little is left on /", ""}}), "db");
  step_until([&] { return made.has_value(); });
  EXPECT_TRUE(made->ok);
  EXPECT_THAT(made->plan[0].volumes, ElementsAre("db_data"));
  EXPECT_THAT(
      made->plan[0].warnings,
      ElementsAre("little is left on /", "it is away for a moment, and others need it: web"));
  EXPECT_EQ(made->plan[0].estimated_seconds, 1.5);
}

TEST_F(BatchesTest, ServicesThatNeedEachOtherCannotBeOrdered) {
  auto device = welcomed();
  const auto made = plan({to_brick("a"), to_brick("b"), to_brick("db")});
  EXPECT_FALSE(made.ok);
  EXPECT_EQ(made.plan[0].service, "db");
  EXPECT_THAT(made.plan[0].errors, IsEmpty());
  for (const auto& move : {made.plan[1], made.plan[2]}) {
    EXPECT_THAT(move.errors, ElementsAre(HasSubstr("services need each other"))) << move.service;
  }
  EXPECT_EQ(refusal({to_brick("a"), to_brick("b")}).reason(), "DEPENDENCY_CYCLE");
  EXPECT_TRUE(plan({to_brick("a")}).ok) << "alone it needs no order";
}

TEST_F(BatchesTest, RestartsAllOfThemInOrderAndSaysWhatBecameOfEach) {
  auto device = welcomed();
  const auto id = begin({to_brick("web"), {"db", "brick", "brick"}});
  expect(device, "db");
  EXPECT_EQ(commands_.at("db").name, "compose.restart");
  expect(device, "web");
  const auto job = ended(id);
  EXPECT_EQ(job.state, "succeeded");
  EXPECT_EQ(job.kind, "deploy_batch");
  EXPECT_EQ(words(job), "db done; web done");
  const auto results = Sweep::results_of(job);
  const auto part = run(jobs_->find(results[0].job_id));
  EXPECT_EQ(part.parent, id);
  EXPECT_EQ(results[0].deployment_id, history::History::id_of(part));
  EXPECT_EQ(run(history_->find(*results[0].deployment_id)).service, "db");
  EXPECT_EQ(results[0].target, "brick");
}

TEST_F(BatchesTest, OneThatFailsLeavesOutWhoNeedsIt) {
  auto device = welcomed();
  const auto id = begin({to_brick("web"), to_brick("db")});
  expect(device, "db", false);
  const auto job = ended(id);
  EXPECT_EQ(job.state, "failed");
  EXPECT_EQ(words(job), "db port 8090 is taken; web not begun: it needs \"db\", which failed");
  EXPECT_EQ(job.error_message, "2 of 2 services failed to be deployed: db, web");
}

TEST_F(BatchesTest, WhatIsWrongWithOneIsRefusedBeforeAnyIsTouched) {
  auto device = welcomed();
  EXPECT_EQ(refusal({to_brick("db"), to_brick("ghost")}).where(), "body.moves[1].service_name");
  const auto stale = refusal({to_brick("db"), {"web", "chalk", "brick"}});
  EXPECT_EQ(stale.code(), Code::conflict);
  EXPECT_EQ(stale.reason(), "STALE_PLAN");
  EXPECT_EQ(refusal({}).where(), "body.moves") << "and none are staged";
}

TEST_F(BatchesTest, WhatTheHostFindsWithOneIsRefusedBeforeAnyIsTouched) {
  auto device = looking();
  const auto asked = ask({to_brick("db"), to_brick("web")});
  EXPECT_EQ(found(device, {}), "db");
  EXPECT_EQ(
      found(device, {{"ports", "error", "PORT_TAKEN", "8090", "port 8090 is taken", "free it"}}),
      "web");
  step_until([&] { return asked->over(); });
  ASSERT_TRUE(asked->refusal);
  EXPECT_EQ(asked->refusal->code(), Code::invalid);
  EXPECT_EQ(asked->refusal->reason(), "PORT_TAKEN");
  EXPECT_EQ(asked->refusal->message(), "nothing was done: web: port 8090 is taken");
  EXPECT_THAT(run(jobs_->list({})), IsEmpty());
}

TEST_F(BatchesTest, AnAbsentHostIsRefused) {
  const auto error = refusal({to_brick("db")});
  EXPECT_EQ(error.reason(), "AGENT_OFFLINE");
  EXPECT_EQ(error.code(), Code::unavailable);
}

TEST_F(BatchesTest, TheSameAtOnceIsOneJob) {
  auto device = looking();
  const auto first = ask({to_brick("db"), to_brick("web")});
  const auto second = ask({to_brick("web"), to_brick("db")});
  EXPECT_EQ(found(device, {}), "db");
  EXPECT_EQ(found(device, {}), "web");
  step_until([&] { return first->over() && second->over(); });
  ASSERT_TRUE(first->submitted && second->submitted);
  EXPECT_EQ(first->submitted->id, second->submitted->id);
  EXPECT_NE(first->submitted->joined, second->submitted->joined);
  EXPECT_EQ(found(device, {}), "db") << "much may have changed since the plan";
  EXPECT_EQ(next(device), "db");
  EXPECT_EQ(begin({to_brick("db"), to_brick("web")}), first->submitted->id) << "while it runs too";
  answer(device, "db");
  EXPECT_EQ(found(device, {}), "web");
  expect(device, "web");
  EXPECT_EQ(ended(first->submitted->id).state, "succeeded");
  EXPECT_EQ(run(jobs_->list({})).size(), 3U) << "the job and its two parts";
}

TEST_F(BatchesTest, AnotherJobOfOneOfThemIsInTheWay) {
  auto device = welcomed();
  const auto stop = run(actions_->begin(Action::stop, "db", "bob")).id;
  EXPECT_EQ(next(device), "db");
  jobs_before_ = 1;
  const auto error = refusal({to_brick("db"), to_brick("web")});
  EXPECT_EQ(error.code(), Code::conflict);
  EXPECT_EQ(error.reason(), "BUSY");
  EXPECT_EQ(error.details().at(0).message, stop);
  answer(device, "db");
}

TEST_F(BatchesTest, TwoOfOtherServicesRunSideBySide) {
  auto device = welcomed();
  const auto one = begin({to_brick("db")});
  EXPECT_EQ(next(device), "db");
  const auto other = begin({to_brick("a")});
  expect(device, "a");
  EXPECT_EQ(ended(other).state, "succeeded");
  answer(device, "db");
  EXPECT_EQ(ended(one).state, "succeeded");
}

TEST_F(BatchesTest, WithoutMovesThoseThatAreStagedAreDoneAndLeaveTheList) {
  run(pending_->replace({to_brick("db"), to_brick("web"), to_brick("a")}, "ada"));
  auto device = welcomed();
  const auto id = begin({});
  expect(device, "db");
  expect(device, "web");
  expect(device, "a", false);
  EXPECT_EQ(ended(id).state, "failed");
  const auto left = run(pending_->list()).moves;
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].service_name, "a");
}

TEST_F(BatchesTest, OneThatWasPlacedElsewhereMeanwhileIsNotTouched) {
  auto device = welcomed();
  const auto id = begin({to_brick("web"), to_brick("db")});
  EXPECT_EQ(next(device), "db");
  write_registry(
      "  web: {current_host: chalk, docker_compose: /srv/web/compose.yml, dependencies: [db]}\n"
      "  db: {current_host: brick, docker_compose: /srv/db/compose.yml}\n");
  answer(device, "db");
  EXPECT_EQ(words(ended(id)), "db done; web \"web\" is on \"chalk\" now, not on \"brick\"");
}

TEST_F(BatchesTest, AfterARestartTheBegunPartsCount) {
  std::string id;
  {
    auto device = welcomed();
    id = begin({to_brick("web"), to_brick("db")});
    EXPECT_EQ(next(device), "db");
  }
  stop_controller();
  close();
  open();
  start_controller();
  auto device = welcomed();
  expect(device, "db");
  const auto job = ended(id);
  EXPECT_EQ(job.state, "interrupted");
  EXPECT_EQ(words(job), "db done; web ?");
}

TEST_F(BatchesTest, TheStateTellsWhatIsStagedUnderWayAndLast) {
  const auto idle = run(states_->now());
  EXPECT_EQ(idle.state, "idle");
  EXPECT_FALSE(idle.running || idle.last || idle.updated_at);
  run(pending_->replace({to_brick("db")}, "ada"));
  const auto pending = run(states_->now());
  EXPECT_EQ(pending.state, "pending");
  EXPECT_EQ(pending.total_operations, 1);
  EXPECT_EQ(pending.moves[0].staged_by, "ada");
  auto device = welcomed();
  const auto id = begin({to_brick("web"), to_brick("db")});
  expect(device, "db");
  EXPECT_EQ(next(device), "web");
  const auto running = run(states_->now());
  EXPECT_EQ(running.state, "running");
  ASSERT_TRUE(running.running);
  EXPECT_EQ(running.running->job_id, id);
  EXPECT_EQ(running.running->current_operation, 2);
  EXPECT_EQ(running.running->total_operations, 2);
  EXPECT_EQ(running.running->progress, 50);
  EXPECT_EQ(running.running->current_step, "web");
  EXPECT_THAT(running.running->logs, Contains("db: done"));
  EXPECT_THAT(running.queued, IsEmpty());
  answer(device, "web", false);
  ended(id);
  const auto failed = run(states_->now());
  EXPECT_EQ(failed.state, "failed");
  EXPECT_THAT(failed.moves, IsEmpty());
  ASSERT_TRUE(failed.last);
  EXPECT_FALSE(failed.last->success);
}

}  // namespace
}  // namespace portoser::deployment
