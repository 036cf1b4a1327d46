// A move whose controller is ended in the middle, and another one that goes on with it. Both hosts
// are played by the test.

#include "tests/unit/deployment/move_fixture.h"

namespace portoser::deployment {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

class MoveResumption : public MoveTest {};

TEST_F(MoveResumption, AnotherControllerGoesOnInEachPhase) {
  const auto id = begin();
  hear_until([&] { return !brick_.questions.empty(); });
  restart_and_come();
  answer_look();

  auto transfer = take_transfer();
  restart_and_come();
  auto next_transfer = take_transfer();
  EXPECT_NE(next_transfer.send.id, transfer.send.id) << "of the copy";
  EXPECT_NE(stream_of(next_transfer), stream_of(transfer));
  succeed(next_transfer);

  const auto stop = take_stop();
  restart_and_come();
  const auto same_stop = take<protocol::ComposeStop>(brick_);
  EXPECT_EQ(same_stop.id, stop.id);
  succeed(brick_, same_stop);

  transfer = take_transfer();
  restart_and_come();
  next_transfer = take_transfer();
  EXPECT_NE(next_transfer.receive.id, transfer.receive.id) << "of what came since";
  EXPECT_TRUE(content<protocol::MoveSend>(next_transfer.send).is_final);
  succeed(next_transfer);

  const auto activation = take<protocol::ComposeDeploy>(chalk_);
  restart_and_come();
  const auto same = take<protocol::ComposeDeploy>(chalk_);
  EXPECT_EQ(same.id, activation.id);
  EXPECT_EQ(same.arguments, activation.arguments) << "the same lease too";

  const auto confirmation = go_to_confirm(activation);
  restart_and_come();
  hear_until([&] { return chalk_.commands.size() == 2; });
  EXPECT_THAT(ids_of(chalk_.commands), UnorderedElementsAre(activation.id, confirmation.id));
  chalk_.commands.clear();
  succeed(chalk_, confirmation);
  succeed(chalk_, activation);

  take<protocol::ComposeDown>(brick_);
  EXPECT_EQ(stored(id).phase, "decided");
  restart();
  const auto job = ended(id);
  EXPECT_EQ(job.state, "succeeded") << job.error_message;
  EXPECT_THAT(stored(id).chores, HasSubstr("down")) << "nobody is there yet";
  EXPECT_EQ(starts_on_brick(), 0);
}

TEST_F(MoveResumption, AnotherControllerGoesOnOnTheWayBack) {
  const auto id = begin();
  const auto activation = go_to_start();
  fail(chalk_, activation, "HEALTH_NOT_BACK", "returned");
  take<protocol::ComposeUp>(brick_);
  restart_and_come();
  const auto asked = take<protocol::ComposeDeploy>(chalk_);
  EXPECT_EQ(asked.id, activation.id);
  EXPECT_TRUE(asked.adopt_only) << "it must not begin now";
  EXPECT_EQ(starts_on_brick(), 1) << "before the target has said that nothing runs there";
  fail(chalk_, asked, "HEALTH_NOT_BACK", "returned");
  answer_return();
  const auto job = ended(id);
  EXPECT_EQ(job.error_reason, "HEALTH_NOT_BACK");
  EXPECT_THAT(steps(job), AllOf(Contains("start: failed"), Contains("return: succeeded")));
  EXPECT_EQ(brick_.began.back(), "compose.up");
  EXPECT_EQ(chalk_.began.back(), "move.discard");
}

TEST_F(MoveResumption, AfterARestartATargetThatIsAwayHasItsLease) {
  move_limits_.away_stopped = 0min;
  const auto id = begin();
  go_to_start();
  shorten_leases();
  restart();
  come(brick_);
  step_until([&] { return stored(id).phase == "returning"; });
  EXPECT_EQ(starts_on_brick(), 0);
  succeed(brick_, take<protocol::ComposeUp>(brick_));
  EXPECT_EQ(ended(id).error_reason, "AGENT_OFFLINE");
}

TEST_F(MoveResumption, AfterARestartAConfirmationThatWasSentIsWaitedForWithoutEnd) {
  move_limits_.away_stopped = 0min;
  const auto id = begin();
  const auto activation = go_to_start();
  go_to_confirm(activation);
  restart();
  clock_.set_by(24h);
  come(brick_);
  step_until([&] { return has_logged(id, "nothing is started elsewhere"); });
  EXPECT_EQ(starts_on_brick(), 0);
  come(chalk_);
  const auto asked = take<protocol::ComposeDeploy>(chalk_);
  EXPECT_EQ(asked.id, activation.id);
  EXPECT_TRUE(asked.adopt_only) << "it may be over, and must not begin anew";
  fail(chalk_, take<protocol::ComposeConfirm>(chalk_), "NOT_CONFIRMED");
  EXPECT_EQ(starts_on_brick(), 0);
  fail(chalk_, asked, "NOT_CONFIRMED", "returned");
  answer_return();
  EXPECT_EQ(ended(id).error_reason, "NOT_CONFIRMED");
}

}  // namespace
}  // namespace portoser::deployment
