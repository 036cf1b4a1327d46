#include "controller/fleet/inquiries.h"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace portoser::fleet {
namespace {

class InquiriesTest : public testing::Test {
 protected:
  void ask(std::chrono::milliseconds limit = std::chrono::hours{1}) {
    protocol::Question question;
    question.id = "q1";
    question.duration_ms = limit.count();
    asio::co_spawn(context_,
                   inquiries_.ask("brick", question),
                   [this](const std::exception_ptr& failure, Bytes content) {
                     failure_ = failure;
                     content_ = std::move(content);
                   });
    context_.poll();
  }
  static protocol::Answer answer() {
    protocol::Answer answer;
    answer.question_id = "q1";
    answer.succeeded = true;
    answer.content.data = "content";
    return answer;
  }
  std::string reason() {
    try {
      if (failure_) std::rethrow_exception(failure_);
    } catch (const Error& error) {
      return error.reason();
    }
    return "no error";
  }

  asio::io_context context_;
  std::vector<std::string> sent_;
  Inquiries inquiries_{[this](const std::string& host, const protocol::Question& question) {
    sent_.push_back(host + " " + question.id);
  }};
  std::exception_ptr failure_;
  std::optional<Bytes> content_;
};

TEST_F(InquiriesTest, GivesTheAnswerToWhoAsked) {
  ask();
  inquiries_.answer("pebble", answer());
  context_.poll();
  EXPECT_FALSE(content_) << "it was another host's question";
  inquiries_.answer("brick", answer());
  context_.poll();
  ASSERT_TRUE(content_);
  EXPECT_EQ(content_->data, "content");
  inquiries_.answer("brick", answer());  // nobody waits any more
}

TEST_F(InquiriesTest, AsksAgainWhenTheHostIsBack) {
  ask();
  inquiries_.repeat("pebble");
  inquiries_.repeat("brick");
  EXPECT_EQ(sent_, (std::vector<std::string>{"brick q1", "brick q1"}));
  inquiries_.answer("brick", answer());
  inquiries_.repeat("brick");
  context_.poll();
  EXPECT_EQ(sent_.size(), 2U);
}

TEST_F(InquiriesTest, ARefusalIsAnErrorWithTheHostsWords) {
  ask();
  auto refusal = answer();
  refusal.succeeded = false;
  refusal.code = "deadline";
  refusal.reason = "QUESTION_DEADLINE";
  inquiries_.answer("brick", refusal);
  context_.poll();
  EXPECT_EQ(reason(), "QUESTION_DEADLINE");
}

TEST_F(InquiriesTest, WhoWaitsForAHostThatIsGivenUpIsToldWhy) {
  ask();
  inquiries_.abandon("brick", Error{Code::unavailable, "removed"}.reason("DEVICE_REMOVED"));
  context_.poll();
  EXPECT_EQ(reason(), "DEVICE_REMOVED");
}

}  // namespace
}  // namespace portoser::fleet
