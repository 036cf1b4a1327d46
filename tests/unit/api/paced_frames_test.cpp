#include "controller/api/paced_frames.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portoser::api {
namespace {

using namespace std::chrono_literals;

class PacedFramesTest : public testing::Test {
 protected:
  /// Everything that waits, as fast as it may go; `elapsed_` tells how long that took.
  std::vector<std::string> drain() {
    std::vector<std::string> out;
    const auto start = now_;
    while (const auto next = frames_.next()) {
      now_ = std::max(now_, *next);
      out.push_back(*frames_.take(now_));
    }
    elapsed_ = now_ - start;
    return out;
  }
  bool push(FrameKind kind, const std::string& text) {
    return frames_.push({kind, std::make_shared<const std::string>(text)});
  }
  void log(int from, int to) {
    for (int i = from; i < to; ++i) EXPECT_TRUE(push(FrameKind::log, std::to_string(i)));
  }

  PacedFrames frames_;
  PacedFrames::TimePoint now_{1h};
  PacedFrames::TimePoint::duration elapsed_{};
};

TEST_F(PacedFramesTest, AreSpacedSoThatTheUiSeesEachOne) {
  log(0, 10);
  EXPECT_EQ(drain().size(), 10U);
  EXPECT_EQ(elapsed_, 9 * PacedFrames::spacing);
}

/// A burst must not close who reads at once.
TEST_F(PacedFramesTest, AreCloserTogetherWhileVeryManyWait) {
  for (std::size_t i = 0; i < PacedFrames::frames_waiting; ++i) {
    ASSERT_TRUE(push(FrameKind::other, std::to_string(i)));
  }
  EXPECT_EQ(drain().size(), PacedFrames::frames_waiting);
  EXPECT_EQ(elapsed_, 899 * PacedFrames::crowded_spacing + 100 * PacedFrames::spacing);
}

TEST_F(PacedFramesTest, FirstFrameWaitsForNothing) {
  EXPECT_TRUE(push(FrameKind::other, "a"));
  EXPECT_EQ(*frames_.take(now_), "a");
  EXPECT_TRUE(push(FrameKind::other, "b"));
  EXPECT_FALSE(frames_.take(now_ + 49ms));
  EXPECT_EQ(*frames_.take(now_ + 50ms), "b");
}

TEST_F(PacedFramesTest, AreSilentAfterACompletedDeployment) {
  EXPECT_TRUE(push(FrameKind::completed, "done"));
  EXPECT_TRUE(push(FrameKind::other, "later"));
  EXPECT_EQ(drain(), (std::vector<std::string>{"done", "later"}));
  EXPECT_EQ(elapsed_, PacedFrames::silence);
}

TEST_F(PacedFramesTest, LongLogLosesItsMiddleAndSaysHowMuch) {
  log(0, 500);
  EXPECT_TRUE(push(FrameKind::completed, "done"));
  const auto sent = drain();
  EXPECT_LE(sent.size(), PacedFrames::log_lines_waiting + 2);
  EXPECT_EQ(sent.front(), "0");
  EXPECT_EQ(sent.back(), "done");
  EXPECT_EQ(sent[sent.size() - 2], "499") << "the last line is never dropped";
  const auto whole = 500 - (sent.size() - 2);  // without the marker and "done"
  EXPECT_THAT(sent, testing::Contains(testing::HasSubstr(std::to_string(whole) + " lines")));
}

TEST_F(PacedFramesTest, LogLinesThatAreCrowdedOutLeaveTheRestInOrder) {
  log(0, 40);
  EXPECT_TRUE(push(FrameKind::completed, "done"));
  for (int i = 0; i < 500; ++i) EXPECT_TRUE(push(FrameKind::other, "host"));
  log(40, 100);
  const auto sent = drain();
  EXPECT_THAT(sent, testing::Contains("done"));
  EXPECT_EQ(sent.back(), "99");
}

TEST_F(PacedFramesTest, NoneIsSkippedWhenThereIsNoRoom) {
  std::vector<std::string> taken;
  for (std::size_t i = 0; i < PacedFrames::frames_waiting; ++i) {
    taken.push_back(std::to_string(i));
    ASSERT_TRUE(push(FrameKind::other, taken.back()));
  }
  EXPECT_FALSE(push(FrameKind::other, "one more"));
  EXPECT_FALSE(push(FrameKind::completed, "one more"));
  EXPECT_EQ(drain(), taken);
}

}  // namespace
}  // namespace portoser::api
