// portoser-action with a spec that can be undone: whatever ends it, and whenever it is killed, the
// end is the old or the new.
#include "agent/actions/runner/progress.h"
#include "agent/actions/runner_process.h"
#include "tests/unit/actions/fixture.h"

#include <fstream>
#include <signal.h>

namespace portoser::agent::actions {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class RunnerUndo : public ActionsTest {
 protected:
  RunnerUndo() {
    spec.steps = {shell("prepare"), shell("change"), shell("check"), shell("keep")};
    spec.undo_from = 1;
    spec.settled_from = 3;
    spec.undo = {shell("undo"), shell("undo-check")};
    spec.undo_limit_ms = 60'000;
    spec.tidy = {shell("tidy")};
    spec.grace_ms = 200;
    protocol::Command command;
    command.id = id;
    journal.begin(command);
  }

  /// Notes its name, then does what the test wants of it.
  [[nodiscard]] runner::Step shell(const std::string& name) const {
    const auto folder_name = (folder / "tool").string();
    return {name,
            {"sh",
             "-c",
             "echo " + name + " >> " + folder_name + "/calls; [ ! -f " + folder_name + "/do-" +
                 name + " ] || . " + folder_name + "/do-" + name},
            folder_name,
            false};
  }
  RunnerProcess start(bool resume = false) {
    return RunnerProcess::start(
        context.get_executor(), PORTOSER_ACTION, journal.folder_of(id), resume);
  }
  runner::Outcome go(bool resume = false) {
    if (!resume) journal.plan(id, spec);
    auto process = start(resume);
    run(process.wait());
    return journal.outcome(id).value();
  }
  /// SIGKILL in the middle of that step.
  void kill_in(const std::string& step) {
    script(step, "echo $$ > child; while :; do sleep 1; done");
    journal.plan(id, spec);
    auto process = start();
    await("it is there", [&] { return pid_in("child") > 0; });
    ASSERT_EQ(::kill(runner_pid(id), SIGKILL), 0);
    run(process.wait());
    await("the step is gone too", [&] { return !alive(pid_in("child")); });
    ASSERT_FALSE(journal.outcome(id));
    script(step, "");
    std::filesystem::remove(folder / "tool/calls");
  }

  std::string id = make_id();
  Journal journal{folder / "data/journal"};
  runner::Spec spec;
};

TEST_F(RunnerUndo, WhatSucceedsIsNotUndone) {
  const auto outcome = go();
  EXPECT_EQ(outcome.failed_step, "");
  EXPECT_EQ(outcome.undone, "");
  EXPECT_THAT(calls(), ElementsAre("prepare", "change", "check", "keep", "tidy"));
}

TEST_F(RunnerUndo, AFailureBeforeTheChangeUndoesNothing) {
  script("prepare", "exit 3");
  const auto outcome = go();
  EXPECT_EQ(outcome.failed_step, "prepare");
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_EQ(outcome.undone, "");
  EXPECT_THAT(calls(), ElementsAre("prepare", "tidy"));
}

TEST_F(RunnerUndo, AFailureOfTheChangeLeadsBack) {
  script("check", "exit 4");
  const auto outcome = go();
  EXPECT_EQ(outcome.failed_step, "check");
  EXPECT_EQ(outcome.exit_code, 4);
  EXPECT_EQ(outcome.undone, "returned");
  EXPECT_THAT(calls(), ElementsAre("prepare", "change", "check", "undo", "undo-check", "tidy"));
}

TEST_F(RunnerUndo, TheUndoMayFindNothingToDo) {
  script("change", "exit 4");
  script("undo", "exit 100");
  const auto outcome = go();
  EXPECT_EQ(outcome.failed_step, "change");
  EXPECT_EQ(outcome.undone, "");
  EXPECT_THAT(calls(), ElementsAre("prepare", "change", "undo", "tidy"));
}

TEST_F(RunnerUndo, AnUndoThatFailsIsSaid) {
  script("check", "exit 4");
  script("undo-check", "exit 5");
  const auto outcome = go();
  EXPECT_EQ(outcome.failed_step, "check");
  EXPECT_EQ(outcome.undone, "failed");
  EXPECT_EQ(outcome.failed_undo, "undo-check");
}

TEST_F(RunnerUndo, WhatComesAfterTheChangeHeldSpoilsNothing) {
  script("keep", "exit 6");
  const auto outcome = go();
  EXPECT_EQ(outcome.failed_step, "");
  EXPECT_EQ(outcome.undone, "");
  EXPECT_THAT(calls(), ElementsAre("prepare", "change", "check", "keep", "tidy"));
}

TEST_F(RunnerUndo, ACancelLeadsBackAndASecondOneDoesNotStopIt) {
  const Gate gate{folder / "tool/gate"};
  script("check", "echo $$ > child; while :; do sleep 1; done");
  script("undo", "echo $$ > undoing; read word < gate");
  journal.plan(id, spec);
  auto process = start();
  await("it checks", [&] { return pid_in("child") > 0; });
  process.cancel();
  await("it undoes", [&] { return pid_in("undoing") > 0; });
  process.cancel();
  gate.open();
  run(process.wait());
  const auto outcome = journal.outcome(id).value();
  EXPECT_TRUE(outcome.cancelled);
  EXPECT_EQ(outcome.undone, "returned");
  EXPECT_THAT(calls(), ElementsAre("prepare", "change", "check", "undo", "undo-check", "tidy"));
}

TEST_F(RunnerUndo, TheDeadlineOfTheCommandIsNotThatOfItsUndo) {
  script("check", "while :; do sleep 1; done");
  spec.deadline_ns = (clock.uptime() + std::chrono::milliseconds{300}).count();
  const auto outcome = go();
  EXPECT_TRUE(outcome.timed_out);
  EXPECT_EQ(outcome.undone, "returned");
}

TEST_F(RunnerUndo, AnUndoThatHangsEnds) {
  script("check", "exit 4");
  script("undo", "while :; do sleep 1; done");
  spec.undo_limit_ms = 300;
  const auto outcome = go();
  EXPECT_FALSE(outcome.timed_out);
  EXPECT_EQ(outcome.undone, "failed");
  EXPECT_THAT(outcome.undo_problem, HasSubstr("longer than it may"));
}

TEST_F(RunnerUndo, KilledBeforeTheChangeOnlyTidies) {
  kill_in("prepare");
  const auto outcome = go(true);
  EXPECT_TRUE(outcome.interrupted);
  EXPECT_EQ(outcome.failed_step, "prepare");
  EXPECT_EQ(outcome.undone, "");
  EXPECT_THAT(calls(), ElementsAre("tidy"));
}

TEST_F(RunnerUndo, KilledDuringTheChangeGoesBack) {
  for (const auto* step : {"change", "check"}) {
    kill_in(step);
    const auto outcome = go(true);
    EXPECT_TRUE(outcome.interrupted);
    EXPECT_EQ(outcome.failed_step, step);
    EXPECT_EQ(outcome.undone, "returned");
    EXPECT_THAT(calls(), ElementsAre("undo", "undo-check", "tidy"));
    std::filesystem::remove_all(journal.folder_of(id));
    std::filesystem::remove(folder / "tool/child");
    id = make_id();
    protocol::Command command;
    command.id = id;
    journal.begin(command);
  }
}

TEST_F(RunnerUndo, KilledAfterTheChangeHeldGoesForward) {
  kill_in("keep");
  const auto outcome = go(true);
  EXPECT_FALSE(outcome.interrupted);
  EXPECT_EQ(outcome.failed_step, "");
  EXPECT_THAT(calls(), ElementsAre("keep", "tidy"));
}

TEST_F(RunnerUndo, KilledDuringTheUndoUndoesAgain) {
  script("check", "exit 4");
  kill_in("undo-check");
  const auto outcome = go(true);
  EXPECT_TRUE(outcome.interrupted);
  EXPECT_EQ(outcome.undone, "returned");
  EXPECT_THAT(calls(), ElementsAre("undo", "undo-check", "tidy"));
}

TEST_F(RunnerUndo, NeverStartedDoesNothingWhenItIsTakenUp) {
  journal.plan(id, spec);
  const auto outcome = go(true);
  EXPECT_TRUE(outcome.interrupted);
  EXPECT_EQ(outcome.undone, "");
  EXPECT_THAT(calls(), ElementsAre("tidy"));
}

TEST_F(RunnerUndo, WhatAKilledRunnerLeftBehindIsEnded) {
  // In a session of its own, so that nothing but its environment tells whose it is.
  script("change",
         "setsid sh -c 'echo $$ > left; while :; do sleep 1; done' & read word < /dev/zero");
  journal.plan(id, spec);
  auto process = start();
  await("it is there", [&] { return pid_in("left") > 0; });
  ASSERT_EQ(::kill(runner_pid(id), SIGKILL), 0);
  run(process.wait());
  ASSERT_TRUE(alive(pid_in("left")));
  go(true);
  EXPECT_FALSE(alive(pid_in("left")));
}

/// Not the progress but a file says whether the change holds.
class RunnerSettledBy : public RunnerUndo {
 protected:
  RunnerSettledBy() { spec.settled_by = "verdict"; }

  [[nodiscard]] std::string verdict() const { return (journal.folder_of(id) / "verdict").string(); }
  [[nodiscard]] std::string confirm() const { return "echo confirmed > " + verdict(); }
};

TEST_F(RunnerSettledBy, WhatTheFileConfirmsSucceeds) {
  script("check", confirm());
  const auto outcome = go();
  EXPECT_EQ(outcome.failed_step, "");
  EXPECT_EQ(outcome.undone, "");
  EXPECT_THAT(calls(), ElementsAre("prepare", "change", "check", "keep", "tidy"));
}

TEST_F(RunnerSettledBy, WhatNothingConfirmsIsUndone) {
  const auto outcome = go();
  EXPECT_EQ(outcome.failed_step, "check");
  EXPECT_THAT(outcome.problem, HasSubstr("verdict"));
  EXPECT_EQ(outcome.undone, "returned");
  EXPECT_THAT(calls(), ElementsAre("prepare", "change", "check", "undo", "undo-check", "tidy"));
}

TEST_F(RunnerSettledBy, AnotherWordIsNoConfirmation) {
  script("check", "echo expired > " + verdict());
  EXPECT_EQ(go().undone, "returned");
}

TEST_F(RunnerSettledBy, WhatIsConfirmedIsFinishedThoughAStepFailed) {
  script("change", confirm() + "; exit 4");
  const auto outcome = go();
  EXPECT_EQ(outcome.failed_step, "");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.undone, "");
  EXPECT_THAT(calls(), ElementsAre("prepare", "change", "keep", "tidy"));
}

TEST_F(RunnerSettledBy, AConfirmationThatTheUndoFindsIsFinished) {
  script("check", "exit 4");
  script("undo", confirm() + "; exit 100");
  const auto outcome = go();
  EXPECT_EQ(outcome.failed_step, "");
  EXPECT_EQ(outcome.undone, "");
  EXPECT_THAT(calls(), ElementsAre("prepare", "change", "check", "undo", "keep", "tidy"));
}

TEST_F(RunnerSettledBy, ACancelDoesNotUndoWhatIsConfirmed) {
  script("check", confirm() + "; echo $$ > child; while :; do sleep 1; done");
  journal.plan(id, spec);
  auto process = start();
  await("it checks", [&] { return pid_in("child") > 0; });
  process.cancel();
  run(process.wait());
  const auto outcome = journal.outcome(id).value();
  EXPECT_FALSE(outcome.cancelled);
  EXPECT_EQ(outcome.failed_step, "");
  EXPECT_THAT(calls(), ElementsAre("prepare", "change", "check", "keep", "tidy"));
}

TEST_F(RunnerSettledBy, KilledAnywhereWhatIsConfirmedGoesForward) {
  kill_in("change");
  write_file_atomic(verdict(), "confirmed\n");
  const auto outcome = go(true);
  EXPECT_FALSE(outcome.interrupted);
  EXPECT_EQ(outcome.failed_step, "");
  EXPECT_THAT(calls(), ElementsAre("keep", "tidy"));
}

TEST_F(RunnerSettledBy, KilledDuringTheUndoOfWhatIsConfirmedGoesForward) {
  script("check", "exit 4");
  kill_in("undo");
  write_file_atomic(verdict(), "confirmed\n");
  EXPECT_EQ(go(true).failed_step, "");
  EXPECT_THAT(calls(), ElementsAre("keep", "tidy"));
}

TEST_F(RunnerSettledBy, WhateverTheProgressSaysWhatIsNotConfirmedGoesBack) {
  script("check", confirm());
  kill_in("keep");
  std::filesystem::remove(verdict());  // it had not come to the disk when the power went
  const auto outcome = go(true);
  EXPECT_TRUE(outcome.interrupted);
  EXPECT_EQ(outcome.undone, "returned");
  EXPECT_THAT(calls(), ElementsAre("undo", "undo-check", "tidy"));
}

TEST_F(RunnerSettledBy, TheFileMayBeAnotherCommands) {
  make_folder(folder / "data/journal/other");
  spec.settled_by = "../other/verdict";
  kill_in("change");
  write_file_atomic(folder / "data/journal/other/verdict", "confirmed\n");
  EXPECT_EQ(go(true).failed_step, "");
}

TEST_F(RunnerUndo, SpecsOfEarlierAgentsAreRead) {
  const auto old = runner::spec_from(R"({"deadline_ns":7,"environment":{},"grace_ms":10000,
    "locks":["folder /srv"],"service":"notes","unset":[],"steps":[{"name":"up","argv":["true"],
    "folder":"","may_fail":false}]})");
  EXPECT_EQ(old.steps.size(), 1U);
  EXPECT_EQ(old.deadline_ns, 7);
  EXPECT_TRUE(old.undo.empty());
  EXPECT_EQ(old.settled_by, "");
  EXPECT_EQ(old.not_after_ns, 0);
  EXPECT_FALSE(old.is_bystander);
  const auto outcome = runner::outcome_from(
      R"({"boot_id":"b","cancelled":false,"exit_code":1,"failed_step":"up","problem":"",
      "timed_out":false,"uptime_ns":1,"wall_us":2})");
  EXPECT_EQ(outcome.failed_step, "up");
  EXPECT_EQ(outcome.undone, "");
  EXPECT_THROW(runner::spec_from("{}"), std::exception);
  EXPECT_THROW(runner::outcome_from("{}"), std::exception);
}

TEST(RunnerProgress, ALineThatIsCutOffIsNone) {
  const auto reached = runner::reached_in("begin 0\nend 0\nbegin 1\nen         ");
  EXPECT_EQ(reached.begun, 1);
  EXPECT_EQ(reached.ended, 0);
  EXPECT_FALSE(reached.undoing);
  EXPECT_TRUE(runner::reached_in("begin 3\nundo\n").undoing);
  EXPECT_EQ(runner::reached_in("").begun, -1);
}

}  // namespace
}  // namespace portoser::agent::actions
