#include "controller/fleet/dispatch.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

namespace portoser::fleet {
namespace {

using namespace std::chrono_literals;

class DispatchTest : public testing::Test {
 protected:
  void begin(std::chrono::milliseconds limit = 1h) {
    protocol::Command command;
    command.id = "c1";
    command.duration_ms = limit.count();
    auto on_output = [this](const std::vector<OutputLine>& lines) {
      for (const auto& line : lines) output_.push_back(line.step + ":" + line.text);
    };
    asio::co_spawn(context_, dispatch_.run("brick", command, 0ms, on_output),
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
  Dispatch dispatch_{[this](const std::string& host, const protocol::Command& command) {
    sent_.push_back(host + " " + command.id);
  }};
  std::vector<std::string> output_;
  std::exception_ptr failure_;
  std::optional<protocol::CommandResult> result_;
};

TEST_F(DispatchTest, GivesTheResultToWhoeverAsked) {
  begin();
  EXPECT_TRUE(dispatch_.result(success()));
  context_.poll();
  ASSERT_TRUE(result_);
  EXPECT_TRUE(result_->succeeded);
  EXPECT_FALSE(dispatch_.result(success())) << "a second result finds nobody";
}

TEST_F(DispatchTest, PassesEachLineOnceAlsoWhenTheAgentRepeats) {
  begin();
  dispatch_.progress({"c1", "up", 0, {"a", "b"}});
  dispatch_.progress({"c1", "up", 0, {"a", "b", "c"}});
  dispatch_.progress({"another", "up", 0, {"x"}});
  EXPECT_EQ(output_, (std::vector<std::string>{"up:a", "up:b", "up:c"}));
}

TEST_F(DispatchTest, SendsAgainWhenTheHostIsBackUntilItAnswered) {
  begin();
  dispatch_.repeat("pebble");
  dispatch_.repeat("brick");
  EXPECT_EQ(sent_, (std::vector<std::string>{"brick c1", "brick c1"}));
  dispatch_.result(success());
  dispatch_.repeat("brick");
  EXPECT_EQ(sent_.size(), 2U);
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
}

}  // namespace
}  // namespace portoser::fleet
