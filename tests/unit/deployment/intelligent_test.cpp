// A deployment that looks first, over a restart of the controller; the host is played by the test.

#include "controller/deployment/intelligent.h"

#include "controller/deployment/preflight_observers.h"
#include "tests/unit/deployment/actions_fixture.h"

#include <gmock/gmock.h>

namespace portoser::deployment {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class IntelligentTest : public ActionsTest {
 protected:
  IntelligentTest() {
    write_registry(
        "  web: {current_host: brick, docker_compose: /srv/web/compose.yml}\n"
        "  db: {current_host: brick, docker_compose: /srv/db/compose.yml}\n");
    start_controller();
  }
  ~IntelligentTest() override {
    stop_controller();
    intelligent_.reset();
    observers_.reset();
    batches_.reset();
    planner_.reset();
    mover_.reset();
    routing_.reset();
    editor_.reset();
    pending_.reset();
  }
  void add_kinds() override {
    editor_ = std::make_unique<registry::RegistryEditor>(
        *registry_, folder_ / "registry.yml", folder_ / "registry-backups", clock_);
    routing_ = std::make_unique<Routing>(*registry_, *fleet_);
    mover_ = std::make_unique<Mover>(
        *registry_, *editor_, *fleet_, *jobs_, *recording_, *routing_, *database_, clock_);
    planner_ =
        std::make_unique<Planner>(*registry_, live_, *preflight_, *mover_, *history_, files_);
    pending_ = std::make_unique<PendingMoves>(*registry_, *database_, clock_);
    batches_ = std::make_unique<Batches>(
        *registry_, *jobs_, *actions_, *mover_, *planner_, *pending_, files_);
    observers_ = std::make_unique<PreflightObservers>(
        *registry_, *fleet_, live_, *jobs_, *preflight_, *planner_, *actions_);
    intelligent_ =
        std::make_unique<Intelligent>(*registry_, *jobs_, *batches_, *recording_, *observers_);
    jobs_->add_listener(*intelligent_);
  }
  void restart_controller() {
    stop_controller();
    close();
    open();
    start_controller();
  }
  std::string begin(const std::string& service) {
    IntelligentWish wish;
    wish.service = service;
    wish.machine = "brick";
    return run(intelligent_->begin(std::move(wish), "ada")).id;
  }

  std::unique_ptr<registry::RegistryEditor> editor_;
  std::unique_ptr<Routing> routing_;
  std::unique_ptr<Mover> mover_;
  std::unique_ptr<Planner> planner_;
  std::unique_ptr<PendingMoves> pending_;
  std::unique_ptr<Batches> batches_;
  std::unique_ptr<PreflightObservers> observers_;
  std::unique_ptr<Intelligent> intelligent_;
};

TEST_F(IntelligentTest, DeploysThroughABatchWhoseLinesAreItsOwn) {
  auto device = welcomed();
  const auto id = begin("db");
  expect(device, "db");
  EXPECT_EQ(commands_.at("db").name, "compose.restart");
  const auto job = ended(id);
  EXPECT_EQ(job.state, "succeeded");
  EXPECT_THAT(steps(job),
              ElementsAre("Observe: succeeded",
                          "Diagnose: succeeded",
                          "Solve: succeeded",
                          "Deploy & verify: succeeded"));
  std::vector<std::string> lines;
  for (const auto& line : run(jobs_->log(id, 0, 100))) lines.push_back(line.text);
  EXPECT_THAT(lines, testing::Contains("db: done"));
  EXPECT_TRUE(jobs_->active()->empty());
}

TEST_F(IntelligentTest, HasTheServiceUntilItsPartsNeedIt) {
  auto device = knowing({"compose.preflight"});
  const auto id = begin("db");
  const auto question = await<protocol::Question>(device);
  EXPECT_EQ(jobs_->active()->at("db").id, id);
  protocol::Answer nothing;
  nothing.question_id = question.id;
  nothing.succeeded = true;
  nothing.content = protocol::encode_arguments(protocol::PreflightReport{});
  device.send(nothing);
  for (int i = 0; i < 2; ++i) {  // of the batch, and of its part
    tell<protocol::PreflightCompose>(device, protocol::PreflightReport{});
  }
  EXPECT_EQ(next(device), "db");
  EXPECT_NE(jobs_->active()->at("db").id, id);
  EXPECT_THAT(*jobs_->active(), testing::SizeIs(3)) << "it, the batch and the part";
  EXPECT_EQ(begin("db"), id) << "who asks for the same joins it";
  answer(device, "db");
  EXPECT_EQ(ended(id).state, "succeeded");
}

TEST_F(IntelligentTest, AfterARestartItWaitsForWhatItBegan) {
  std::string id;
  {
    auto device = welcomed();
    id = begin("db");
    EXPECT_EQ(next(device), "db");
  }
  const auto before = run(jobs_->story(id)).events;
  restart_controller();
  auto device = welcomed();
  expect(device, "db");
  EXPECT_EQ(ended(id).state, "succeeded");
  const auto after = run(jobs_->story(id)).events;
  ASSERT_GE(after.size(), before.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(after[i].frame, before[i].frame);
    EXPECT_EQ(after[i].number, before[i].number);
    EXPECT_EQ(after[i].line, before[i].line);
  }
  EXPECT_EQ(run(history_->find(history::History::id_of(ended(id)))).status, "success");
}

TEST_F(IntelligentTest, OneThatOnlyLookedIsInterruptedByARestart) {
  std::string id;
  {
    auto device = knowing({"compose.preflight"});
    id = begin("db");
    await<protocol::Question>(device);
  }
  restart_controller();
  const auto job = ended(id);
  EXPECT_EQ(job.state, "interrupted");
  EXPECT_THAT(job.error_message, HasSubstr("restarted"));
  EXPECT_TRUE(jobs_->active()->empty());
}

TEST_F(IntelligentTest, AnAbsentHostIsObservedAndEndsIt) {
  const auto job = ended(begin("db"));
  EXPECT_EQ(job.state, "failed");
  EXPECT_EQ(job.error_reason, "AGENT_OFFLINE");
  const auto story = run(jobs_->story(job.id));
  std::string told;
  for (const auto& event : story.events) told += event.frame + "\n";
  EXPECT_THAT(told, HasSubstr(R"("name":"host","status":"failed")"));
  EXPECT_THAT(told, HasSubstr(R"("type":"problem_detected","name":"AGENT_OFFLINE")"));
}

}  // namespace
}  // namespace portoser::deployment
