// Streams over the link: what comes is told, and what goes has the last place.
#include "protocol/codec.h"
#include "tests/support/await.h"
#include "tests/unit/link/link_fixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace portoser::agent::link {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

const std::string one_stream = "01ARZ3NDEKTSV4RRFFQ69G5FAV.0";
const std::string other_stream = "01ARZ3NDEKTSV4RRFFQ69G5FAV.1";

class StreamLink : public test::LinkTest {};

TEST_F(StreamLink, TellsWhatComesAndSendsWhatGoes) {
  start_controller();
  start_link();
  ASSERT_TRUE(await_online());
  const auto chunk =
      protocol::Chunk{one_stream, 0, {std::string(protocol::Chunk::data_limit, 'x')}};
  controller_->send(chunk);
  controller_->send(protocol::Credit{one_stream, 1});
  controller_->send(protocol::StreamEnd{one_stream, 1, ""});
  ASSERT_TRUE(await_told([](const test::Told& told) { return !told.stream_ends.empty(); }));
  ASSERT_TRUE(await_told([&](const test::Told& told) {
    return told.chunks == std::vector{chunk} && told.credits.size() == 1;
  }));
  link_->send(chunk);
  link_->send(protocol::Credit{one_stream, 1});
  link_->send(protocol::StreamEnd{one_stream, 1, ""});
  EXPECT_TRUE(await_seen([&](const auto& seen) {
    return seen.template all<protocol::Chunk>() == std::vector{chunk} &&
           seen.template all<protocol::Credit>().size() == 1 &&
           seen.template all<protocol::StreamEnd>().size() == 1;
  }));
}

/// The sender by itself: the test says when it sends.
class StreamSender : public testing::Test {
 protected:
  StreamSender() {
    controller_.admit(agent_keys_.public_key);
    transport_.open();
  }

  void begin() { sender_.begin({}, now_); }
  void pump() { sender_.pump(now_); }
  void take(std::vector<Outbox::StreamMessage> messages) {
    Outbox::Batch batch;
    for (auto& message : messages) batch.streams.push_back(std::move(message));
    sender_.take(std::move(batch), now_);
  }
  static protocol::Chunk chunk(const std::string& of, std::int64_t number) {
    return {of, number, {"x"}};
  }
  /// The types of what the controller got, once there are so many.
  std::vector<std::string> arrived(std::size_t count) {
    test::await_until("all of it is there", seconds{20}, [&] {
      pump();
      return memory_->seen().messages.size() >= count;
    });
    std::vector<std::string> types;
    for (const auto& message : memory_->seen().messages) {
      types.push_back(std::visit(
          [](const auto& one) { return std::string{std::decay_t<decltype(one)>::type}; }, message));
    }
    return types;
  }

  test::TempFolder folder_;
  SystemClock clock_;
  int port_ = test::free_port();
  protocol::KeyPair agent_keys_ = protocol::make_key_pair();
  protocol::KeyPair controller_keys_ = protocol::make_key_pair();
  std::shared_ptr<test::ControllerMemory> memory_ = std::make_shared<test::ControllerMemory>();
  test::ControllerDouble controller_{controller_keys_, memory_, {}, port_};
  LinkStats stats_;
  Transport transport_{
      {"tcp://127.0.0.1:" + std::to_string(port_), agent_keys_, controller_keys_.public_key}};
  Spool spool_{folder_.path() / "spool"};
  Backlog backlog_{folder_.path() / "backlog", clock_};
  Sender sender_{transport_, spool_, backlog_, stats_, {}};
  Sender::Instant now_{std::chrono::hours{1}};
};

TEST_F(StreamSender, EverythingElseGoesBeforeAWaitingChunk) {
  begin();
  take({chunk(one_stream, 0),
        protocol::Credit{one_stream, 3},
        protocol::StreamEnd{one_stream, 1, ""}});
  Outbox::Batch batch;
  batch.samples.emplace_back();
  batch.state.emplace();
  batch.answers.emplace_back();
  batch.ordered.emplace_back(protocol::Event{});
  sender_.take(std::move(batch), now_);
  auto types = arrived(7);
  ASSERT_EQ(types.size(), 7U);
  EXPECT_THAT(std::vector(types.begin() + 4, types.end()),
              ElementsAre("chunk", "credit", "stream_end"));
}

TEST_F(StreamSender, WhatWaitsOfABrokenStreamIsNotSent) {
  begin();
  take({chunk(one_stream, 0),
        chunk(other_stream, 0),
        chunk(one_stream, 1),
        protocol::StreamEnd{one_stream, 0, "its program went away"}});
  EXPECT_THAT(arrived(2), ElementsAre("chunk", "stream_end"));
  EXPECT_EQ(memory_->seen().all<protocol::Chunk>()[0].stream, other_stream);
}

TEST_F(StreamSender, NothingOfAStreamOutlivesItsConnection) {
  take({chunk(one_stream, 0)});
  begin();
  take({chunk(one_stream, 1)});
  sender_.end();
  begin();
  take({chunk(other_stream, 0)});
  EXPECT_THAT(arrived(1), ElementsAre("chunk"));
  EXPECT_EQ(memory_->seen().all<protocol::Chunk>()[0].stream, other_stream);
}

}  // namespace
}  // namespace portoser::agent::link
