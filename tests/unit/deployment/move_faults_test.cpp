// A move in which something fails: what leads back, what is tried again, and what never leads back.
// Both hosts are played by the test.

#include "tests/unit/deployment/move_fixture.h"

namespace portoser::deployment {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

class MoveFaults : public MoveTest {
 protected:
  void expect_runs_on_brick_only() {
    EXPECT_EQ(brick_.began.back(), "compose.up");
    EXPECT_EQ(chalk_.began.back(), "move.discard");
    EXPECT_THAT(text(), HasSubstr("  notes: {current_host: brick, "));
  }
  /// The move is decided, and its source is away when that is to be finished.
  std::string decide_without_source() {
    const auto id = begin();
    const auto activation = go_to_start();
    succeed(chalk_, go_to_confirm(activation));
    leave(brick_);
    succeed(chalk_, activation);
    return id;
  }
};

// While the service runs where it is.

TEST_F(MoveFaults, ATransferThatIsCutGoesOnOverAnotherStream) {
  const auto id = begin();
  answer_look();
  const auto first = take_transfer();
  fail(chalk_, first.receive, "TRANSFER_CUT");
  hear_until([&] { return !brick_.broken.empty(); });
  EXPECT_THAT(brick_.broken, ElementsAre(stream_of(first))) << "it must not wait for the other";
  fail(brick_, first.send, "TRANSFER_CUT");
  const auto second = take_transfer();
  EXPECT_NE(second.send.id, first.send.id);
  EXPECT_NE(second.receive.id, first.receive.id);
  EXPECT_NE(stream_of(second), stream_of(first));
  EXPECT_EQ(content<protocol::MoveSend>(second.send).stream, stream_of(second));
  EXPECT_EQ(stored(id).attempts, 2);
  EXPECT_EQ(stored(id).phase, "copy");
  succeed(second);
  answer_stop();
}

TEST_F(MoveFaults, WhatStandsInTheWayOfTheCopyEndsItAndTheServiceGoesOn) {
  const auto id = begin();
  answer_look();
  const auto copy = take_transfer();
  fail(chalk_, copy.receive, "VOLUME_EXISTS");
  fail(brick_, copy.send, "TRANSFER_CUT");
  const auto discard = take<protocol::MoveDiscard>(chalk_);
  EXPECT_EQ(content<protocol::MoveDiscard>(discard).move, id);
  EXPECT_THAT(content<protocol::MoveDiscard>(discard).roots, IsEmpty()) << "just what it made";
  succeed(chalk_, discard);
  const auto job = ended(id);
  EXPECT_EQ(job.state, "failed");
  EXPECT_EQ(job.error_reason, "VOLUME_EXISTS");
  EXPECT_EQ(job.error_message, "the transfer: chalk: it says VOLUME_EXISTS");
  EXPECT_THAT(
      steps(job),
      AllOf(Contains("copy: failed"), Contains("return: succeeded"), Contains("stop: skipped")));
  EXPECT_THAT(brick_.began, ElementsAre("move.send")) << "it was never stopped";
  EXPECT_EQ(stored(id).phase, "returned");
}

TEST_F(MoveFaults, TheReasonIsTheOneOfTheSideThatDidNotJustLoseTheOther) {
  const auto id = begin();
  answer_look();
  const auto copy = take_transfer();
  fail(brick_, copy.send, "RSYNC_MISSING");
  fail(chalk_, copy.receive, "TRANSFER_CUT");
  succeed(chalk_, take<protocol::MoveDiscard>(chalk_));
  EXPECT_EQ(ended(id).error_reason, "RSYNC_MISSING");
}

TEST_F(MoveFaults, AnEditByHandDuringTheCopyIsAStalePlan) {
  const auto id = begin();
  answer_look();
  const auto copy = take_transfer();
  place_notes_on("slate");
  succeed(copy);
  succeed(chalk_, take<protocol::MoveDiscard>(chalk_));
  const auto job = ended(id);
  EXPECT_EQ(job.error_reason, "STALE_PLAN");
  EXPECT_THAT(steps(job), Contains("stop: failed"));
  EXPECT_THAT(brick_.began, ElementsAre("move.send"));
  EXPECT_THAT(text(), HasSubstr("  notes: {current_host: slate, ")) << "whoever edited it is right";
}

TEST_F(MoveFaults, CancelledInTheCopyItIsCancelledWhateverTheHostsSay) {
  const auto id = begin();
  answer_look();
  const auto copy = take_transfer();
  run(jobs_->cancel(id));
  hear_until([&] { return !brick_.cancelled.empty() && !chalk_.cancelled.empty(); });
  EXPECT_THAT(brick_.cancelled, ElementsAre(copy.send.id));
  EXPECT_THAT(chalk_.cancelled, ElementsAre(copy.receive.id));
  fail(brick_, copy.send, "TRANSFER_CUT");
  fail(chalk_, copy.receive, "TRANSFER_CUT");
  succeed(chalk_, take<protocol::MoveDiscard>(chalk_));
  const auto job = ended(id);
  EXPECT_EQ(job.state, "cancelled");
  EXPECT_THAT(brick_.began, ElementsAre("move.send"));
}

// While nothing runs.

TEST_F(MoveFaults, AStopThatWasCutOffIsDoneOnceMore) {
  begin();
  answer_look();
  answer_transfer();
  const auto first = take_stop();
  fail(brick_, first, "ACTION_INTERRUPTED");
  const auto second = take<protocol::ComposeStop>(brick_);
  EXPECT_NE(second.id, first.id);
  succeed(brick_, second);
  succeed(take_transfer());
}

TEST_F(MoveFaults, AStopThatFailsLeadsBack) {
  const auto id = begin();
  answer_look();
  answer_transfer();
  fail(brick_, take_stop(), "ACTION_FAILED");
  answer_return();
  EXPECT_EQ(ended(id).error_reason, "ACTION_FAILED");
  expect_runs_on_brick_only();
}

TEST_F(MoveFaults, WhenHealthDoesNotComeThereItRunsHereAgain) {
  const auto before = text();
  const auto id = begin();
  const auto activation = go_to_start();
  fail(chalk_, activation, "HEALTH_NOT_BACK", "returned");
  const auto up = take<protocol::ComposeUp>(brick_);
  EXPECT_EQ(content<protocol::ComposeUp>(up).target.files,
            std::vector<std::string>{"/srv/notes/compose.yml"});
  EXPECT_THAT(chalk_.began, Not(Contains("move.discard"))) << "first it runs again";
  succeed(brick_, up);
  const auto discard = take<protocol::MoveDiscard>(chalk_);
  EXPECT_EQ(content<protocol::MoveDiscard>(discard).target.files,
            std::vector<std::string>{"/opt/moved/notes/compose.yml"});
  succeed(chalk_, discard);
  const auto job = ended(id);
  EXPECT_EQ(job.state, "failed");
  EXPECT_EQ(job.error_reason, "HEALTH_NOT_BACK");
  EXPECT_EQ(job.error_message, "chalk: it says HEALTH_NOT_BACK");
  EXPECT_THAT(
      steps(job),
      AllOf(
          Contains("start: failed"), Contains("return: succeeded"), Contains("confirm: skipped")));
  EXPECT_EQ(text(), before);
  const auto record = stored(id);
  EXPECT_EQ(record.phase, "returned");
  EXPECT_EQ(record.source_data, "none");
  EXPECT_EQ(record.chores, "[]");
  EXPECT_FALSE(record.decided_at);
  const auto history = run(history_->find(history::History::id_of(job)));
  EXPECT_EQ(history.status, "failure");
  EXPECT_EQ(history.outcome, "returned");
}

TEST_F(MoveFaults, WhatTheTargetCouldNotEndIsEndedThereBeforeItRunsHere) {
  const auto id = begin();
  fail(chalk_, go_to_start(), "HEALTH_NOT_BACK", "failed");
  const auto down = take<protocol::ComposeDown>(chalk_);
  EXPECT_EQ(content<protocol::ComposeDown>(down).target.files,
            std::vector<std::string>{"/opt/moved/notes/compose.yml"});
  fail(chalk_, down, "ENGINE_UNAVAILABLE");
  const auto again = take<protocol::ComposeDown>(chalk_);
  EXPECT_EQ(starts_on_brick(), 0);
  succeed(chalk_, again);
  answer_return();
  EXPECT_EQ(ended(id).error_reason, "HEALTH_NOT_BACK");
}

TEST_F(MoveFaults, WhatWasStoppedBeforeStaysStopped) {
  inventory_.running.clear();
  const auto id = begin();
  fail(chalk_, go_to_start(), "HEALTH_NOT_BACK", "returned");
  succeed(chalk_, take<protocol::MoveDiscard>(chalk_));
  EXPECT_EQ(ended(id).error_reason, "HEALTH_NOT_BACK");
  EXPECT_EQ(starts_on_brick(), 0);
}

TEST_F(MoveFaults, CancelledInTheStartItGoesBack) {
  const auto id = begin();
  const auto activation = go_to_start();
  run(jobs_->cancel(id));
  hear_until([&] { return !chalk_.cancelled.empty(); });
  EXPECT_THAT(chalk_.cancelled, ElementsAre(activation.id));
  EXPECT_EQ(starts_on_brick(), 0) << "the target has not said that nothing runs there";
  fail(chalk_, activation, "ACTION_CANCELLED", "returned");
  answer_return();
  EXPECT_EQ(ended(id).state, "cancelled");
  expect_runs_on_brick_only();
}

TEST_F(MoveFaults, AnEditByHandDuringTheStartIsAStalePlan) {
  const auto id = begin();
  const auto activation = go_to_start();
  place_notes_on("slate");
  tell_step(chalk_, activation, "confirm");
  hear_until([&] { return !chalk_.cancelled.empty(); });
  EXPECT_THAT(chalk_.cancelled, ElementsAre(activation.id));
  fail(chalk_, activation, "ACTION_CANCELLED", "returned");
  answer_return();
  EXPECT_EQ(ended(id).error_reason, "STALE_PLAN");
  EXPECT_THAT(chalk_.began, Not(Contains("compose.confirm")));
}

TEST_F(MoveFaults, ATargetThatIsAwayIsNotWaitedForBeyondItsLease) {
  make_leases_short();
  const auto id = begin();
  go_to_start();
  leave(chalk_);
  EXPECT_EQ(starts_on_brick(), 0);
  clock_.set_by(24h);  // which proves nothing
  succeed(brick_, take<protocol::ComposeUp>(brick_));
  const auto job = ended(id);
  EXPECT_EQ(job.error_reason, "AGENT_OFFLINE");
  EXPECT_THAT(steps(job), AllOf(Contains("start: failed"), Contains("return: succeeded")));
  EXPECT_THAT(stored(id).chores, HasSubstr("discard")) << "when it is back";
}

// The confirmation.

TEST_F(MoveFaults, AnExpiredLeaseLeadsBackOnlyWhenTheActivationHasEnded) {
  const auto id = begin();
  const auto activation = go_to_start();
  fail(chalk_, go_to_confirm(activation), "NOT_CONFIRMED");
  await_taken(chalk_);
  EXPECT_EQ(stored(id).phase, "confirm");
  EXPECT_EQ(starts_on_brick(), 0) << "it is still being ended there";
  fail(chalk_, activation, "NOT_CONFIRMED", "returned");
  answer_return();
  const auto job = ended(id);
  EXPECT_EQ(job.error_reason, "NOT_CONFIRMED");
  EXPECT_THAT(steps(job), AllOf(Contains("confirm: failed"), Contains("return: succeeded")));
  expect_runs_on_brick_only();
}

TEST_F(MoveFaults, AConfirmationWhoseAnswerIsLostIsAskedForAgain) {
  const auto id = begin();
  const auto activation = go_to_start();
  const auto confirmation = go_to_confirm(activation);
  leave(chalk_);
  clock_.set_by(24h);
  come(chalk_);
  hear_until([&] { return chalk_.commands.size() == 2; });
  EXPECT_THAT(ids_of(chalk_.commands), UnorderedElementsAre(activation.id, confirmation.id));
  EXPECT_EQ(starts_on_brick(), 0) << "its lease proves nothing any more";
  succeed(chalk_, confirmation);
  succeed(chalk_, activation);
  succeed(brick_, take<protocol::ComposeDown>(brick_));
  EXPECT_EQ(ended(id).state, "succeeded");
  EXPECT_EQ(starts_on_brick(), 0);
}

TEST_F(MoveFaults, AConfirmationThatWasCutOffIsSentAgain) {
  const auto id = begin();
  const auto activation = go_to_start();
  const auto first = go_to_confirm(activation);
  fail(chalk_, first, "ACTION_INTERRUPTED");
  const auto second = take<protocol::ComposeConfirm>(chalk_);
  EXPECT_NE(second.id, first.id);
  EXPECT_EQ(content<protocol::ComposeConfirm>(second).activation, activation.id);
  EXPECT_EQ(starts_on_brick(), 0);
  step_until([&] { return has_logged(id, "\"chalk\" did not confirm"); });
  succeed(chalk_, second);
  succeed(chalk_, activation);
  succeed(brick_, take<protocol::ComposeDown>(brick_));
  EXPECT_EQ(ended(id).state, "succeeded");
}

TEST_F(MoveFaults, AnActivationThatSucceededSaysThatItIsDecided) {
  const auto id = begin();
  const auto activation = go_to_start();
  const auto confirmation = go_to_confirm(activation);
  succeed(chalk_, activation);
  await_taken(chalk_);
  fail(chalk_, confirmation, "ACTION_INTERRUPTED");
  succeed(brick_, take<protocol::ComposeDown>(brick_));
  EXPECT_EQ(ended(id).state, "succeeded");
  EXPECT_TRUE(stored(id).decided_at);
  EXPECT_THAT(text(), HasSubstr("  notes: {current_host: chalk, "));
}

// After the decision.

TEST_F(MoveFaults, AnEditByHandDuringTheConfirmationIsLeftAlone) {
  const auto id = begin();
  const auto activation = go_to_start();
  const auto confirmation = go_to_confirm(activation);
  place_notes_on("slate");
  succeed(chalk_, confirmation);
  succeed(chalk_, activation);
  succeed(brick_, take<protocol::ComposeDown>(brick_));
  const auto job = ended(id);
  EXPECT_EQ(job.state, "failed");
  EXPECT_EQ(job.error_reason, "STALE_PLAN");
  EXPECT_THAT(job.error_message, HasSubstr("\"notes\" runs on \"chalk\" with its data"));
  EXPECT_THAT(steps(job), Contains("registry: failed"));
  EXPECT_THAT(text(), HasSubstr("  notes: {current_host: slate, "));
  EXPECT_EQ(stored(id).phase, "done") << "nothing leads back from there";
  EXPECT_EQ(starts_on_brick(), 0);
}

TEST_F(MoveFaults, ASourceThatIsAwayHasItsPartDoneWhenItIsBack) {
  const auto id = decide_without_source();
  const auto job = ended(id);
  EXPECT_EQ(job.state, "succeeded") << job.error_message;
  EXPECT_EQ(stored(id).source_data, "kept");
  const auto row = run(mover_->list("notes")).at(0);
  ASSERT_EQ(row.chores.size(), 1U);
  EXPECT_EQ(row.chores[0].what, "down");
  EXPECT_EQ(row.chores[0].host, "brick");
  come(brick_);
  begin_chores();
  const auto down = take<protocol::ComposeDown>(brick_);
  EXPECT_EQ(content<protocol::ComposeDown>(down).target.files,
            std::vector<std::string>{"/srv/notes/compose.yml"});
  EXPECT_NE(stored(id).chores, "[]") << "it is not done yet";
  succeed(brick_, down);
  step_until([&] { return stored(id).chores == "[]"; });
  EXPECT_EQ(stored(id).source_data, "kept");
}

TEST_F(MoveFaults, NothingIsTakenDownWhereTheServiceIsAgain) {
  const auto id = decide_without_source();
  ended(id);
  write_text(replaced(text(), "current_host: chalk", "current_host: brick"));
  come(brick_);
  begin_chores();
  step_until([&] { return stored(id).chores == "[]"; });
  hear(brick_);
  EXPECT_THAT(brick_.began, Not(Contains("compose.down")));
}

}  // namespace
}  // namespace portoser::deployment
