// A job that needs several commands; the host is played by the test.

#include "tests/unit/jobs/jobs_fixture.h"

#include <gmock/gmock.h>

namespace portoser::jobs {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr auto first_part = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
constexpr auto second_part = "01BX5ZZKBKACTAV9WEVGEMMVRZ";

class PartTest : public JobsTest {
 protected:
  PartTest() {
    stop_jobs();
    jobs_ = std::make_unique<Jobs>(*database_, *fleet_, clock_, context_.get_executor());
    jobs_->add_kind("restart",
                    [this](std::shared_ptr<jobs::Run> job) { return work(std::move(job)); });
    run(jobs_->start());
    part_.host = "brick";
    part_.id = first_part;
    part_.name = "compose.stop";
    part_.limit = 1min;
  }
  ~PartTest() override { stop_jobs(); }

  /// A part in the step "stop"; the step has failed when the part has, and the job goes on.
  asio::awaitable<void> work(std::shared_ptr<jobs::Run> job) {
    job->plan({"stop", "start"});
    job->step("stop");
    auto part = part_;
    auto running = job->part(std::move(part));
    const auto result = co_await std::move(running);
    if (!result.succeeded) {
      job->fail_step(result.message);
      job->step("return");
      throw Error{Code::conflict, result.message}.details({{"step", "stop"}});
    }
    job->step("start");
  }
  std::vector<std::string> lines_of(const std::string& id) {
    std::vector<std::string> all;
    for (const auto& line : run(jobs_->log(id, 0, 100))) {
      if (!line.step.empty()) all.push_back(line.step + ": " + line.text);
    }
    return all;
  }
  std::string begin() { return run(jobs_->submit(request())).id; }

  Part part_;
};

TEST_F(PartTest, HasItsOwnIdAndItsLinesStandUnderTheStepOfTheJob) {
  std::vector<std::string> told;
  part_.on_step = [&](const std::string& step) { told.push_back(step); };
  auto device = welcomed();
  const auto id = begin();
  const auto command = await<protocol::Command>(device);
  EXPECT_EQ(command.id, first_part);
  EXPECT_EQ(command.name, "compose.stop");
  EXPECT_EQ(command.duration_ms, 60'000);
  EXPECT_FALSE(command.adopt_only);
  device.send(protocol::Progress{first_part, "halt", 0, {}, {"halt", "look"}});
  device.send(protocol::Progress{first_part, "look", 0, {"it is gone"}, {}});
  device.send(result_of(first_part, true, 1));
  const auto job = run(jobs_->wait(id));
  EXPECT_EQ(words(job.steps), "stop succeeded, start succeeded") << "not those of the host";
  EXPECT_THAT(lines_of(id), ElementsAre("stop: brick: it is gone"));
  EXPECT_THAT(told, ElementsAre("halt", "look"));
}

TEST_F(PartTest, ThatFailsIsAResultAndTheStepMayFailWithoutTheJobsEnd) {
  auto device = welcomed();
  const auto id = begin();
  await<protocol::Command>(device);
  device.send(result_of(first_part, false, 1));
  const auto job = run(jobs_->wait(id));
  EXPECT_EQ(job.error_message, "port 8090 is taken");
  EXPECT_EQ(words(job.steps), "stop failed, return succeeded, start skipped");
  EXPECT_EQ(job.steps[0].message, "port 8090 is taken");
}

TEST_F(PartTest, OfWhichTheLogKnowsAlreadyIsNotLoggedAgain) {
  part_.is_logged = false;
  auto device = welcomed();
  const auto id = begin();
  await<protocol::Command>(device);
  device.send(protocol::Progress{first_part, "halt", 0, {"it is gone"}, {}});
  device.send(result_of(first_part, true, 1));
  EXPECT_EQ(run(jobs_->wait(id)).state, "succeeded");
  EXPECT_THAT(lines_of(id), IsEmpty());
}

TEST_F(PartTest, IsCancelledWithTheJobUnlessItMustNotBe) {
  auto device = welcomed();
  const auto id = begin();
  await<protocol::Command>(device);
  run(jobs_->cancel(id));
  EXPECT_EQ(await<protocol::Cancel>(device).id, first_part);
  device.send(result_of(first_part, true, 1));
  run(jobs_->wait(id));

  part_.can_be_cancelled = false;
  part_.id = second_part;
  const auto other = begin();
  EXPECT_EQ(await<protocol::Command>(device).id, second_part);
  run(jobs_->cancel(other));
  device.send(result_of(second_part, true, 2));
  // A cancellation would stand before the acknowledgement of what came after it.
  bool is_cancelled = false;
  bool is_acknowledged = false;
  step_until([&] {
    const auto message = device.receive();
    if (!message) return false;
    if (std::holds_alternative<protocol::Cancel>(*message)) is_cancelled = true;
    const auto* ack = std::get_if<protocol::Ack>(&*message);
    is_acknowledged = ack != nullptr && ack->sequence == 2;
    return is_acknowledged;
  });
  EXPECT_FALSE(is_cancelled);
  run(jobs_->wait(other));
}

TEST_F(PartTest, OnAHostThatIsAwayIsAnErrorAtOnceUnlessItIsOnlyAskedFor) {
  auto device = welcomed();
  device.send(protocol::Goodbye{"stopping", "the agent stops"});
  step_until([&] { return fleet_->devices()->at("brick")->liveness == fleet::Liveness::offline; });
  EXPECT_EQ(run(jobs_->wait(begin())).error_reason, "AGENT_OFFLINE");

  part_.adopt_only = true;
  const auto id = begin();
  auto back = welcomed();
  const auto command = await<protocol::Command>(back);
  EXPECT_EQ(command.id, first_part);
  EXPECT_TRUE(command.adopt_only);
  back.send(result_of(first_part, true, 1));
  EXPECT_EQ(run(jobs_->wait(id)).state, "succeeded");
}

}  // namespace
}  // namespace portoser::jobs
