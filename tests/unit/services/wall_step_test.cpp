// Somebody sets the host's clock, which is the engine's too: what happened keeps its place in time.
#include "tests/unit/services/board_fixture.h"

namespace portoser::agent::services {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

class WallStep : public BoardTest, public testing::WithParamInterface<std::chrono::minutes> {
 protected:
  WallStep() { clock.advance(5h); }  // since the boot

  void set_clock() { clock.set_wall(clock.now() + GetParam()); }
  /// The agent is killed, and another begins with what was kept.
  void next_agent() {
    const auto kept = to_text(board->checkpoint());
    make_board("boot-1");
    board->restore(checkpoint_from(kept));
  }
  engine::ContainerEvent died(const std::string& id) {
    auto out = event("die", id);
    out.exit_code = 1;
    return out;
  }
  [[nodiscard]] std::chrono::nanoseconds age(const protocol::Event& event) const {
    return clock.uptime() - std::chrono::nanoseconds{event.when.uptime_ns};
  }
};
INSTANTIATE_TEST_SUITE_P(Steps,
                         WallStep,
                         testing::Values(60min, -60min, -300min),
                         [](const auto& step) {
                           return (step.param < 0min ? "back" : "forward") +
                                  std::to_string(std::abs(step.param.count()));
                         });

TEST_P(WallStep, WhatHappenedBeforeItAndIsToldAfterItIsAsOldAsItIs) {
  begin({container("a")});
  clock.advance(4s);
  const auto before = died("a");
  clock.advance(1s);
  set_clock();
  clock.advance(1s);
  board->apply(before);
  ASSERT_THAT(types(), ElementsAre("failure"));
  EXPECT_EQ(age(events[0]), 2s);
  EXPECT_EQ(events[0].when.wall_us, to_unix_us(clock.now() - 2s)) << "by the clock as it is now";
}

TEST_P(WallStep, BetweenTwoEventsLeavesTheirDistance) {
  begin({container("a")});
  die("a", 1);
  clock.advance(3s);
  set_clock();
  clock.advance(3s);
  start("a");
  ASSERT_THAT(types(), ElementsAre("failure", "recovery"));
  EXPECT_EQ(events[1].when.uptime_ns - events[0].when.uptime_ns,
            std::chrono::nanoseconds{6s + 10ms}.count());
}

TEST_P(WallStep, WhileNoAgentRanWhatTheEngineRemembersKeepsItsPlaceOnBothSides) {
  begin({container("a")});
  clock.advance(10s);
  next_agent();
  clock.advance(1min);
  const auto before = died("a");
  clock.advance(1min);
  set_clock();
  clock.advance(1min);
  const auto after = event("start", "a");
  auto up = container("a");
  up.started_us -= 1000;
  clock.advance(1min);
  EXPECT_LE(board->since_ns(), std::min(before.time_ns, after.time_ns));
  EXPECT_GE(board->until_ns(), std::max(before.time_ns, after.time_ns));
  board->replay({before, after});
  board->look({up});
  ASSERT_THAT(types(), ElementsAre("failure", "recovery"));
  EXPECT_EQ(age(events[0]), 3min + 10ms);
  EXPECT_EQ(age(events[1]), 1min);
  EXPECT_EQ(state().status, "running");
}

TEST_P(WallStep, ARestartThatOnlyALookFindsIsFound) {
  begin({container("a")});
  clock.advance(10s);
  board->engine_lost("the stream broke");
  clock.advance(10s);
  set_clock();
  clock.advance(10s);
  const auto again = container("a");
  clock.advance(1s);
  board->look({again});
  ASSERT_THAT(types(), ElementsAre("restart"));
  EXPECT_EQ(age(events[0]), 1s);
}

TEST_P(WallStep, IsNotTakenForARestart) {
  const auto up = container("a");
  clock.advance(1h);
  begin({up});
  board->engine_lost("the stream broke");
  set_clock();
  clock.advance(1s);
  board->look({up});
  EXPECT_THAT(types(), IsEmpty());
}

TEST_P(WallStep, BetweenASignalAndTheEndLeavesItAStop) {
  begin({container("a")});
  kill("a", 15);
  clock.advance(1s);
  set_clock();
  clock.advance(1s);
  die("a", 143);
  EXPECT_THAT(types(), ElementsAre("stop"));
}

TEST_P(WallStep, BetweenASignalAndAnEndThatALookFindsLeavesItAStop) {
  begin({container("a")});
  kill("a", 15);
  board->engine_lost("the stream broke");
  clock.advance(1s);
  set_clock();
  clock.advance(1s);
  const auto killed = ended("a", 137);
  board->look({killed});
  EXPECT_THAT(types(), ElementsAre("stop"));
}

TEST_P(WallStep, LeavesTheTimeAfterASignalThatTheProgramOutlived) {
  begin({container("a")});
  kill("a", 15);
  clock.advance(30s);
  set_clock();
  clock.advance(2h);
  die("a", 1);
  EXPECT_THAT(types(), ElementsAre("failure"));
}

TEST_P(WallStep, LeavesAnEndItsLackOfMemory) {
  begin({container("a")});
  tell("oom", "a");
  set_clock();
  clock.advance(1s);
  die("a", 1);
  ASSERT_THAT(types(), ElementsAre("failure"));
  EXPECT_EQ(events[0].details, "out of memory (exit 1)");
}

TEST_P(WallStep, WhileACommandRunsLeavesItItsEvents) {
  begin({container("a")});
  board->command_started("CMD", "notes", "compose.restart", to_unix_us(clock.now()));
  kill("a", 15);
  die("a", 0);
  set_clock();
  clock.advance(1s);
  start("a");
  board->command_ended("CMD", "notes", true, to_unix_us(clock.now()));
  ASSERT_THAT(types(), ElementsAre("restart"));
  EXPECT_EQ(events[0].command_id, "CMD");
}

TEST_P(WallStep, MakesNoEventOfNowOneOfACommandOfBefore) {
  begin({container("a")});
  board->command_started("CMD", "notes", "compose.restart", to_unix_us(clock.now()));
  stop("a");
  start("a");
  clock.advance(1min);
  board->command_ended("CMD", "notes", true, to_unix_us(clock.now()));
  events.clear();
  if (GetParam() < 0min) clock.advance(-GetParam() - 30s);  // back into its time
  board->observe_clocks();
  set_clock();
  clock.advance(1s);
  stop("a");
  ASSERT_THAT(types(), ElementsAre("stop"));
  EXPECT_EQ(events[0].command_id, "");
}

TEST_P(WallStep, BringsNothingBackFromBeforeTheFirstLook) {
  const auto long_ago = died("a");
  const auto up_again = event("start", "a");
  clock.advance(10s);
  board->pass_over({long_ago, up_again});
  begin({container("a")});
  clock.advance(1min);
  board->engine_lost("the stream broke");
  set_clock();
  clock.advance(1s);
  board->since_ns();
  board->replay({long_ago, up_again});
  EXPECT_THAT(types(), IsEmpty());
}

}  // namespace
}  // namespace portoser::agent::services
