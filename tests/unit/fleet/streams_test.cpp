#include "controller/fleet/streams.h"

#include "tests/unit/fleet/fleet_fixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace portoser::fleet {
namespace {

using protocol::Chunk;
using protocol::Credit;
using protocol::StreamEnd;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

const std::string base = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
const std::string part = base + ".0";

Chunk chunk(std::int64_t number, std::string data = "x", const std::string& stream = part) {
  return {stream, number, {std::move(data)}};
}

/// "brick: chunk 3", "brick: broken S.0"
std::string text_of(const std::string& host, const StreamMessage& message) {
  struct Text {
    std::string operator()(const Chunk& one) { return "chunk " + std::to_string(one.number); }
    std::string operator()(const Credit& one) { return "credit " + std::to_string(one.next); }
    std::string operator()(const StreamEnd& one) {
      if (one.problem.empty()) return "end " + std::to_string(one.number);
      return "broken" + (one.stream == base ? "" : one.stream.substr(base.size()));
    }
  };
  return host + ": " + std::visit(Text{}, message);
}

class StreamsTest : public testing::Test {
 protected:
  StreamsTest() { streams_.open(base, "brick", "pebble"); }

  /// What was sent since it was asked last.
  std::vector<std::string> sent() { return std::exchange(sent_, {}); }
  void send_window() {
    for (std::int64_t i = 0; i < Chunk::window; ++i) streams_.take("brick", chunk(i));
    sent();
  }

  std::vector<std::string> sent_;
  std::set<std::string> away_;
  Streams streams_{[this](const std::string& host, const StreamMessage& message) {
    if (away_.contains(host)) return false;
    sent_.push_back(text_of(host, message));
    return true;
  }};
};

TEST_F(StreamsTest, RelaysBothWaysEachWithItsOwnNumbers) {
  streams_.take("brick", chunk(0, "12345"));
  streams_.take("pebble", chunk(0, "123"));
  streams_.take("brick", chunk(1, "1"));
  streams_.take("pebble", Credit{part, 1});
  EXPECT_THAT(
      sent(),
      ElementsAre("pebble: chunk 0", "brick: chunk 0", "pebble: chunk 1", "brick: credit 1"));
  streams_.take("brick", StreamEnd{part, 2, ""});
  streams_.take("pebble", chunk(1, "12"));
  EXPECT_THAT(sent(), ElementsAre("pebble: end 2", "brick: chunk 1")) << "the way back goes on";
  const auto reading = streams_.read(base);
  EXPECT_EQ(reading.a_to_b_bytes, 6);
  EXPECT_EQ(reading.b_to_a_bytes, 5);
  EXPECT_EQ(reading.problem, "");
}

TEST_F(StreamsTest, NumbersOfAStreamAreApartAndAddUp) {
  streams_.take("brick", chunk(0, "12", base + ".0"));
  streams_.take("brick", chunk(0, "3", base + ".1"));
  streams_.take("brick", chunk(5, "4", base + ".1"));
  EXPECT_THAT(
      sent(),
      ElementsAre("pebble: chunk 0", "pebble: chunk 0", "brick: broken.1", "pebble: broken.1"));
  streams_.take("brick", chunk(1, "4", base + ".0"));
  EXPECT_THAT(sent(), ElementsAre("pebble: chunk 1"));
  EXPECT_EQ(streams_.read(base).a_to_b_bytes, 4);
}

TEST_F(StreamsTest, CreditsForTheLastChunksGoBehindBothEnds) {
  streams_.take("brick", chunk(0));
  streams_.take("brick", StreamEnd{part, 1, ""});
  streams_.take("pebble", StreamEnd{part, 0, ""});
  sent();
  streams_.take("pebble", Credit{part, 1});
  EXPECT_THAT(sent(), ElementsAre("brick: credit 1"));
  streams_.take("pebble", Credit{part, 1});
  EXPECT_THAT(sent(), IsEmpty()) << "it is over, and nobody asked";
}

TEST_F(StreamsTest, AStreamThatIsNotOpenIsAnsweredWithItsEndAndNotRelayed) {
  streams_.close(base);
  EXPECT_THAT(sent(), ElementsAre("brick: broken", "pebble: broken"));
  streams_.take("brick", chunk(0));
  streams_.take("pebble", Credit{part, 1});
  streams_.take("pebble", StreamEnd{part, 0, ""});
  EXPECT_THAT(sent(), ElementsAre("brick: broken.0", "pebble: broken.0", "pebble: broken.0"));
  streams_.take("pebble", StreamEnd{part, 0, "its program went away"});
  EXPECT_THAT(sent(), IsEmpty()) << "who breaks one needs no answer";
  EXPECT_EQ(streams_.read(base).a_to_b_bytes, 0);
}

TEST_F(StreamsTest, AForeignHostIsAnsweredAndHarmsNobody) {
  streams_.take("brick", chunk(0));
  sent();
  streams_.take("flint", chunk(1));
  streams_.take("flint", StreamEnd{part, 0, "nonsense"});
  streams_.take("flint", Credit{part, 1});
  EXPECT_THAT(sent(), ElementsAre("flint: broken.0", "flint: broken.0"));
  streams_.take("brick", chunk(1));
  EXPECT_THAT(sent(), ElementsAre("pebble: chunk 1"));
}

TEST_F(StreamsTest, ANameThatIsNoneIsAnswered) {
  streams_.take("brick", chunk(0, "x", base + "/../x"));
  EXPECT_THAT(sent_, testing::SizeIs(1));
  EXPECT_EQ(sent_[0].substr(0, 13), "brick: broken");
}

TEST_F(StreamsTest, AGapBreaksItForBoth) {
  streams_.take("brick", chunk(0));
  sent();
  streams_.take("brick", chunk(2));
  EXPECT_THAT(sent(), UnorderedElementsAre("brick: broken.0", "pebble: broken.0"));
  streams_.take("pebble", chunk(0));
  EXPECT_THAT(sent(), ElementsAre("pebble: broken.0"));
  streams_.take("brick", StreamEnd{base + ".1", 4, ""});
  EXPECT_THAT(sent(), UnorderedElementsAre("brick: broken.1", "pebble: broken.1"));
}

TEST_F(StreamsTest, WhoKeepsNoWindowIsBroken) {
  send_window();
  streams_.take("brick", chunk(Chunk::window));
  EXPECT_THAT(sent(), UnorderedElementsAre("brick: broken.0", "pebble: broken.0"));
}

TEST_F(StreamsTest, ACreditLetsTheNextOneThrough) {
  send_window();
  streams_.take("pebble", Credit{part, 1});
  streams_.take("brick", chunk(Chunk::window));
  EXPECT_THAT(sent(), ElementsAre("brick: credit 1", "pebble: chunk 8"));
  streams_.take("pebble", Credit{part, Chunk::window + 2});
  EXPECT_THAT(sent(), UnorderedElementsAre("brick: broken.0", "pebble: broken.0"))
      << "more than was sent";
}

TEST_F(StreamsTest, APieceThatIsTooLargeBreaksIt) {
  streams_.take("brick", chunk(0, std::string(Chunk::data_limit + 1, 'x')));
  EXPECT_THAT(sent(), UnorderedElementsAre("brick: broken.0", "pebble: broken.0"));
}

TEST_F(StreamsTest, AProgramThatBreaksItIsHandedOn) {
  streams_.take("brick", chunk(0));
  streams_.take("pebble", StreamEnd{part, 0, "its program does not read any more"});
  EXPECT_THAT(sent(), ElementsAre("pebble: chunk 0", "brick: broken.0"));
  streams_.take("brick", chunk(1));
  EXPECT_THAT(sent(), ElementsAre("brick: broken.0")) << "that was on its way";
}

TEST_F(StreamsTest, AHostThatIsAwayBreaksWhatIsSentToIt) {
  away_.insert("pebble");
  streams_.take("brick", chunk(0));
  EXPECT_THAT(sent(), ElementsAre("brick: broken.0"));
}

TEST_F(StreamsTest, AHostThatIsLostBreaksAllOfItsStreamsAndNoOthers) {
  const std::string second = "01BX5ZZKBKACTAV9WEVGEMMVRZ";
  streams_.open(second, "flint", "pebble");
  streams_.take("brick", chunk(0));
  sent();
  streams_.lose_host("brick", "it is silent");
  EXPECT_THAT(sent(), UnorderedElementsAre("brick: broken", "pebble: broken"));
  EXPECT_EQ(streams_.read(base).problem, "it is silent");
  EXPECT_EQ(streams_.read(base).a_to_b_bytes, 1);
  streams_.lose_host("brick", "it is silent");
  EXPECT_THAT(sent(), IsEmpty()) << "that is told once";
  streams_.take("pebble", chunk(0));
  EXPECT_THAT(sent(), ElementsAre("pebble: broken.0"));
  streams_.take("flint", chunk(0, "x", second + ".0"));
  EXPECT_THAT(sent(), ElementsAre("pebble: chunk 0"));
}

TEST_F(StreamsTest, WhatWasLostOnItsWayBreaksItOnce) {
  streams_.take("brick", chunk(0));
  sent();
  streams_.lost(part);
  streams_.lost(part);
  EXPECT_THAT(sent(), UnorderedElementsAre("brick: broken.0", "pebble: broken.0"));
  streams_.lost("01BX5ZZKBKACTAV9WEVGEMMVRZ.0");
  EXPECT_THAT(sent(), IsEmpty());
}

TEST_F(StreamsTest, HasABoundForTheNumbersOfAStream) {
  for (int i = 0; i < 1000; ++i) {
    streams_.take("brick", chunk(0, "x", base + "." + std::to_string(i)));
  }
  sent();
  streams_.take("brick", chunk(0, "x", base + ".1000"));
  EXPECT_THAT(sent(), ElementsAre("brick: broken.1000"));
}

/// Two hosts on real sockets.
class FleetStreams : public FleetTest {
 protected:
  FleetStreams() {
    close();
    write_file_atomic(folder_ / "registry.yml",
                      "hosts:\n  brick: {ip: 127.0.0.1}\n  pebble: {ip: 127.0.0.2}\n");
    open();
    join_brick();
    auto asked = request(make_token(), pebble_keys_, "pebble");
    asked.ip = "192.0.2.8";
    run(fleet_->join(std::move(asked)));
    brick_.emplace(welcomed());
    pebble_.emplace(zmq_, fleet_->wire_port(), pebble_keys_, keys_.public_key);
    pebble_->send(hello("boot-2", "epoch-2"));
    await<protocol::Welcome>(*pebble_);
    fleet_->streams().open(base, "brick", "pebble");
  }
  ~FleetStreams() override {
    brick_.reset();
    pebble_.reset();
  }

  /// One chunk from brick to pebble.
  void begin() {
    brick_->send(chunk(0));
    EXPECT_EQ(await<Chunk>(*pebble_), chunk(0));
  }
  void expect_broken(DeviceDouble& device) { EXPECT_NE(await<StreamEnd>(device).problem, ""); }

  protocol::KeyPair pebble_keys_ = protocol::make_key_pair();
  std::optional<DeviceDouble> brick_;
  std::optional<DeviceDouble> pebble_;
};

TEST_F(FleetStreams, GoFromHostToHost) {
  begin();
  pebble_->send(Credit{part, 1});
  EXPECT_EQ(await<Credit>(*brick_), (Credit{part, 1}));
  brick_->send(StreamEnd{part, 1, ""});
  EXPECT_EQ(await<StreamEnd>(*pebble_), (StreamEnd{part, 1, ""}));
  EXPECT_EQ(fleet_->streams().read(base).a_to_b_bytes, 1);
}

TEST_F(FleetStreams, BreakWhenAHostConnectsAnew) {
  begin();
  auto again = welcomed();
  expect_broken(*pebble_);
  again.send(chunk(1));
  expect_broken(again);
}

TEST_F(FleetStreams, GoOnWhenAHostIsWelcomedAgainOnTheSameConnection) {
  begin();
  fleet_->set_sample_interval(std::chrono::seconds{7});
  brick_->send(hello());
  await<protocol::Welcome>(*brick_);
  brick_->send(chunk(1));
  EXPECT_EQ(await<Chunk>(*pebble_), chunk(1));
}

TEST_F(FleetStreams, BreakWhenAHostLeaves) {
  begin();
  brick_->send(protocol::Goodbye{"stopping", "the agent stops"});
  expect_broken(*pebble_);
}

TEST_F(FleetStreams, BreakWhenAHostIsRemoved) {
  begin();
  RemovalWish wish;
  wish.force = true;
  Actor admin;
  admin.is_admin = true;
  run(fleet_->remove("brick", wish, admin));
  expect_broken(*pebble_);
}

}  // namespace
}  // namespace portoser::fleet
