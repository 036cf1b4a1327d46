// More events than can wait for an inspection: what found no room is neither told wrong nor lost.
#include "tests/unit/services/board_fixture.h"

namespace portoser::agent::services {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class MissedEvents : public BoardTest {
 protected:
  MissedEvents() { begin({}); }

  /// As many events as can wait, of containers that nobody has inspected yet.
  void fill() {
    constexpr int more_than_can_wait = 2000;
    for (int i = 0; missed == 0 && i < more_than_can_wait; ++i) {
      tell("create", "waiting-" + std::to_string(i));
    }
    missed = 0;
  }
  engine::ContainerEvent died(const std::string& id) {
    auto out = event("die", id);
    out.exit_code = 1;
    return out;
  }
};

TEST_F(MissedEvents, AskForALook) {
  fill();
  EXPECT_FALSE(board->apply(event("start", "b"))) << "an inspection would find nothing to tell";
  EXPECT_EQ(missed, 1);
  board->look({container("b")});
  EXPECT_THAT(types(), ElementsAre("start"));
  EXPECT_EQ(state().status, "running");
}

TEST_F(MissedEvents, AreAskedForAgainWhenTheStreamBreaksBeforeTheLook) {
  fill();
  const auto started = event("start", "b");
  board->apply(started);
  board->engine_lost("the stream broke");
  board->replay({started, died("b")});
  board->look({ended("b", 1)});
  EXPECT_THAT(types(), ElementsAre("start", "failure"));
}

TEST_F(MissedEvents, AreAskedForAgainByTheNextAgent) {
  fill();
  const auto started = event("start", "b");
  board->apply(started);
  const auto kept = to_text(board->checkpoint());
  make_board("boot-1");
  board->restore(checkpoint_from(kept));
  board->replay({started, died("b")});
  board->look({ended("b", 1)});
  EXPECT_THAT(types(), ElementsAre("start", "failure"));
}

TEST_F(MissedEvents, AreNotAskedForOnceALookHasSeenWhatTheyMade) {
  fill();
  const auto started = event("start", "b");
  board->apply(started);
  board->look({container("b")});
  die("b", 1);
  board->engine_lost("the stream broke");
  board->replay({started});
  board->look({ended("b", 1)});
  EXPECT_THAT(types(), ElementsAre("start", "failure"));
}

/// Its end is missing: with it, the events that are known would say that it runs.
TEST_F(MissedEvents, TakeTheRestOfTheirContainersStoryWithThem) {
  tell("create", "b");
  tell("start", "b");
  fill();
  die("b", 1);
  EXPECT_EQ(missed, 1);
  board->refresh(ended("b", 1));  // asked for by its start
  EXPECT_THAT(types(), IsEmpty());
  board->look({ended("b", 1)});
  EXPECT_EQ(state().status, "stopped");
}

}  // namespace
}  // namespace portoser::agent::services
