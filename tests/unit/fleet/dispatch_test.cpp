#include "controller/fleet/dispatch.h"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace portoser::fleet {
namespace {

using namespace std::chrono_literals;

class DispatchTest : public testing::Test {
 protected:
  void begin(std::chrono::milliseconds limit = 1h,
             std::chrono::milliseconds grace = 0ms,
             bool cancelled = false) {
    protocol::Command command;
    command.id = "c1";
    command.duration_ms = limit.count();
    auto on_output = [this](const protocol::Progress& news) {
      for (const auto& line : news.lines) output_.push_back(news.step + ":" + line);
      if (news.lines.empty()) output_.push_back(news.step);
    };
    asio::co_spawn(context_,
                   dispatch_.run("brick", command, grace, on_output, cancelled),
                   [this](const std::exception_ptr& failure, protocol::CommandResult result) {
                     failure_ = failure;
                     result_ = std::move(result);
                   });
    context_.poll();
  }
  static protocol::CommandResult success() {
    protocol::CommandResult result;
    result.command_id = "c1";
    result.succeeded = true;
    return result;
  }

  asio::io_context context_;
  std::vector<std::string> sent_;
  std::chrono::milliseconds last_duration_{};
  Dispatch dispatch_{
      [this](const std::string& host, const protocol::Command& command) {
        sent_.push_back(host + " " + command.id + (command.adopt_only ? " adopt" : ""));
        last_duration_ = std::chrono::milliseconds{command.duration_ms};
      },
      [this](const std::string& host, const protocol::Cancel& cancel) {
        sent_.push_back(host + (cancel.unless_begun ? " withdraw " : " cancel ") + cancel.id);
      }};
  std::vector<std::string> output_;
  std::exception_ptr failure_;
  std::optional<protocol::CommandResult> result_;
};

TEST_F(DispatchTest, GivesTheResultToWhoeverAsked) {
  begin();
  EXPECT_TRUE(dispatch_.result("brick", success()));
  context_.poll();
  ASSERT_TRUE(result_);
  EXPECT_TRUE(result_->succeeded);
  EXPECT_FALSE(dispatch_.result("brick", success())) << "a second result finds nobody";
}

TEST_F(DispatchTest, WhoWaitsForAHostThatIsGivenUpIsToldWhy) {
  begin();
  const auto why = Error{Code::unavailable, "removed"}.reason("DEVICE_REMOVED");
  dispatch_.abandon("pebble", why);
  context_.poll();
  EXPECT_FALSE(failure_) << "another host";
  dispatch_.abandon("brick", why);
  dispatch_.repeat("brick");
  context_.poll();
  ASSERT_TRUE(failure_);
  try {
    std::rethrow_exception(failure_);
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), "DEVICE_REMOVED");
  }
  EXPECT_EQ(sent_, std::vector<std::string>{"brick c1"}) << "it is not sent again";
}

TEST_F(DispatchTest, PassesEachLineOnceAlsoWhenTheAgentRepeats) {
  begin();
  dispatch_.progress("brick", {"c1", "up", 0, {"a", "b"}, {}});
  dispatch_.progress("brick", {"c1", "up", 0, {"a", "b", "c"}, {}});
  dispatch_.progress("brick", {"another", "up", 0, {"x"}, {}});
  EXPECT_EQ(output_, (std::vector<std::string>{"up:a", "up:b", "up:c"}));
}

TEST_F(DispatchTest, SendsAgainWhenTheHostIsBackUntilItAnswered) {
  begin();
  dispatch_.repeat("pebble");
  dispatch_.repeat("brick");
  EXPECT_EQ(sent_, (std::vector<std::string>{"brick c1", "brick c1"}));
  dispatch_.result("brick", success());
  dispatch_.repeat("brick");
  EXPECT_EQ(sent_.size(), 2U);
}

TEST_F(DispatchTest, StepThatHasOnlyBegunIsNews) {
  begin();
  dispatch_.progress("brick", {"c1", "build", 0, {}, {}});
  EXPECT_EQ(output_, std::vector<std::string>{"build"});
}

TEST_F(DispatchTest, AnotherHostMaySayNothingOfIt) {
  begin();
  dispatch_.progress("pebble", {"c1", "up", 0, {"a"}, {}});
  EXPECT_FALSE(dispatch_.result("pebble", success()));
  EXPECT_TRUE(output_.empty());
}

TEST_F(DispatchTest, WhatWasCancelledWhileItsHostWasAwayDoesNotBeginWhenItIsBack) {
  begin();
  dispatch_.cancel("c1");
  sent_.clear();
  dispatch_.repeat("brick");
  EXPECT_EQ(sent_, (std::vector<std::string>{"brick c1 adopt", "brick cancel c1"}));
}

TEST_F(DispatchTest, SilenceBeyondTheLimitMeansThatTheHostIsLost) {
  begin(1ms);
  context_.run_for(10s);
  ASSERT_TRUE(failure_);
  try {
    std::rethrow_exception(failure_);
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), "AGENT_LOST");
  }
  EXPECT_EQ(sent_, (std::vector<std::string>{"brick c1", "brick withdraw c1"}))
      << "it may lie unread at an agent that hangs";
}

TEST_F(DispatchTest, WhatIsRepeatedHasOnlyTheTimeThatIsLeft) {
  begin(1h);
  EXPECT_EQ(last_duration_, 1h);
  const auto sent = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - sent < 2ms) context_.poll();
  dispatch_.repeat("brick");
  EXPECT_LT(last_duration_, 1h);
  EXPECT_GT(last_duration_, 50min);
}

TEST_F(DispatchTest, WhatWouldBeLateDoesNotBeginWhenTheHostIsBack) {
  begin(1ms, 1h);
  context_.run_for(5ms);
  dispatch_.repeat("brick");
  EXPECT_EQ(sent_, (std::vector<std::string>{"brick c1", "brick c1 adopt"}));
}

TEST_F(DispatchTest, OneThatWasCancelledBeforeARestartIsCancelledAgain) {
  begin(1h, 0ms, true);
  EXPECT_EQ(sent_, (std::vector<std::string>{"brick c1", "brick cancel c1"}));
}

}  // namespace
}  // namespace portoser::fleet
