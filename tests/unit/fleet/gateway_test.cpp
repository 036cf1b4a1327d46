#include "controller/fleet/gateway.h"

#include "tests/support/await.h"
#include "tests/unit/fleet/fleet_fixture.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include <set>

namespace portoser::fleet {
namespace {

protocol::Hello hello() {
  protocol::Hello message;
  message.protocol_low = protocol::version_low;
  message.protocol_high = protocol::version_high;
  message.spool_epoch = "epoch-1";
  message.now = {"boot-1", 1000, 0};
  return message;
}

class GatewayTest : public testing::Test {
 protected:
  std::unique_ptr<Gateway> open(std::size_t batches_in_flight, CrowdLimits crowd = {}) {
    GatewaySettings settings;
    settings.crowd = crowd;
    settings.address = "127.0.0.1";
    settings.port = 0;
    settings.secret_key = keys_.secret_key;
    settings.batches_in_flight = batches_in_flight;
    return std::make_unique<Gateway>(
        settings,
        KeySet{device_keys_.public_key},
        clock_,
        context_.get_executor(),
        [this](std::vector<Inbound> batch) {
          ++batches_;
          received_ += batch.size();
          route_ = batch.back().route;
        },
        [this](const Error& error) { failure_ = error.message(); });
  }
  DeviceDouble connect(const Gateway& gateway) {
    return {zmq_, gateway.port(), device_keys_, keys_.public_key};
  }
  template <class Condition>
  void step_until(Condition condition) {
    test::await_until("it happens", patience, [&] {
      context_.restart();
      context_.poll();
      return condition();
    });
  }

  SystemClock clock_;
  asio::io_context context_{1};
  protocol::KeyPair keys_ = protocol::make_key_pair();
  protocol::KeyPair device_keys_ = protocol::make_key_pair();
  zmq::context_t zmq_;
  std::size_t batches_ = 0;
  std::size_t received_ = 0;
  std::string route_;  ///< of the newest message
  std::string failure_;
};

TEST_F(GatewayTest, StopsReadingWhileTheExecutorIsBehindAndLosesNothing) {
  constexpr std::size_t sent = 3000;
  const auto gateway = open(2);
  auto device = connect(*gateway);
  for (std::size_t i = 0; i < sent; ++i) device.send(hello());
  // Nobody runs the executor: two batches of at most 256 are taken.
  test::await_until("it holds back", patience, [&] { return gateway->stats().held_back == 1; });
  EXPECT_LE(gateway->stats().received, 2U * 256U);
  EXPECT_EQ(received_, 0U);
  step_until([&] { return received_ == sent; });
  EXPECT_EQ(gateway->stats().received, sent);
  EXPECT_EQ(failure_, "");
}

TEST_F(GatewayTest, CountsWhoDoesNotSpeakTheProtocol) {
  const auto gateway = open(2);
  asio::ip::tcp::socket scanner{context_};
  scanner.connect({asio::ip::make_address("127.0.0.1"), gateway->port()});
  asio::write(scanner, asio::buffer(std::string{"GET / HTTP/1.1\r\nHost: brick\r\n\r\n"}));
  test::await_until("it is counted", patience, [&] {
    const auto stats = gateway->stats();
    return stats.handshakes_failed + stats.connections_ended > 0;
  });
  auto device = connect(*gateway);
  device.send(hello());
  step_until([&] { return received_ == 1; });
}

TEST_F(GatewayTest, FrameOverTheSocketsLimitEndsItsConnectionAndIsCounted) {
  const auto gateway = open(2);
  auto device = connect(*gateway);
  device.send(hello());
  step_until([&] { return received_ == 1; });
  EXPECT_EQ(gateway->stats().connections_ended, 0U);
  device.send_raw(std::string(5U << 20U, 'x'));
  test::await_until(
      "it is counted", patience, [&] { return gateway->stats().connections_ended > 0; });
  EXPECT_EQ(gateway->stats().dropped_malformed, 0U) << "it never came so far";
}

TEST_F(GatewayTest, WhoSendsIsToldWhatDoesNotReachItsHost) {
  const auto gateway = open(2);
  int lost = 0;
  gateway->send("a route of nobody", "a frame", [&] { ++lost; });
  step_until([&] { return lost == 1; });
  EXPECT_EQ(gateway->stats().dropped_unroutable, 1U);
  auto device = connect(*gateway);
  device.send(hello());
  step_until([&] { return received_ == 1; });
  gateway->send(route_, "a frame", [&] { ++lost; });
  test::await_until("it is sent", patience, [&] { return gateway->stats().sent == 1; });
  step_until([] { return true; });
  EXPECT_EQ(lost, 1);
}

TEST_F(GatewayTest, WhatAHostThatDoesNotReadHasNoRoomForIsToldToo) {
  // More than the queues of both sides and of the kernel hold.
  constexpr std::uint64_t messages = 16000;
  const auto gateway = open(2);
  auto device = connect(*gateway);
  device.send(hello());
  step_until([&] { return received_ == 1; });
  std::uint64_t lost = 0;
  const std::string frame(4096, 'x');
  for (std::uint64_t i = 0; i < messages; ++i) gateway->send(route_, frame, [&] { ++lost; });
  step_until([&] { return lost + gateway->stats().sent == messages; });
  EXPECT_GT(lost, 0U);
  EXPECT_EQ(gateway->stats().dropped_unroutable, lost);
}

TEST_F(GatewayTest, KeyThatIsForgottenIsNotHeardAnyMore) {
  const auto gateway = open(2);
  auto device = connect(*gateway);
  device.send(hello());
  step_until([&] { return received_ == 1; });
  gateway->forget(device_keys_.public_key);
  device.send(hello());
  test::await_until(
      "it is dropped", patience, [&] { return gateway->stats().dropped_not_admitted == 1; });
  EXPECT_EQ(received_, 1U);
}

TEST_F(GatewayTest, PeerThatChoosesAnothersRoutingIdGetsOneOfItsOwn) {
  const auto gateway = open(2);
  auto device = connect(*gateway);
  device.send(hello());
  step_until([&] { return received_ == 1; });
  const auto others = route_;
  std::vector<zmq::socket_t> squatters;
  // As libzmq makes them itself, too: it would end the process if it came to a number that is
  // taken.
  for (const auto& id :
       {others, std::string{"brick"}, std::string{"brick"}, std::string{"\0\1\2\3\4", 5}}) {
    auto& squatter = squatters.emplace_back(zmq_, zmq::socket_type::dealer);
    protocol::set_common_options(squatter);
    protocol::make_curve_client(squatter, device_keys_, keys_.public_key);
    squatter.set(zmq::sockopt::routing_id, id);
    squatter.connect("tcp://127.0.0.1:" + std::to_string(gateway->port()));
    squatter.send(zmq::buffer(protocol::encode(hello())));
    step_until([&] { return received_ == 1 + squatters.size(); });
    EXPECT_NE(route_, others);
    EXPECT_NE(route_, id);
  }
  gateway->send(others, protocol::encode(protocol::Goodbye{"stopping", "for the first one"}));
  std::optional<protocol::AnyMessage> message;
  step_until([&] { return (message = device.receive()).has_value(); });
  EXPECT_TRUE(std::holds_alternative<protocol::Goodbye>(*message));
  EXPECT_EQ(gateway->stats().connections_ended, 0U);
  EXPECT_EQ(gateway->stats().dropped_own_route, 0U);
}

TEST_F(GatewayTest, EachOfManyConnectionsGetsItsRoutingIdFromUs) {
  const auto gateway = open(2);
  std::set<std::string> routes;
  for (std::size_t i = 1; i <= 300; ++i) {
    auto device = connect(*gateway);
    device.send(hello());
    step_until([&] { return received_ + gateway->stats().dropped_own_route == i; });
    routes.insert(route_);
  }
  EXPECT_EQ(gateway->stats().dropped_own_route, 0U);
  EXPECT_EQ(routes.size(), 300U);
}

TEST_F(GatewayTest, StrangersWhoSayNothingAreGivenUpAndOthersComeInAfterThem) {
  const auto gateway = open(2, {.strangers = 4, .handshake = std::chrono::milliseconds{300}});
  std::vector<asio::ip::tcp::socket> strangers;
  for (int i = 0; i < 12; ++i) {
    auto& stranger = strangers.emplace_back(context_, asio::ip::tcp::v4());
    stranger.non_blocking(true);
    boost::system::error_code begun;
    stranger.connect({asio::ip::make_address("127.0.0.1"), gateway->port()}, begun);
  }
  test::await_until("the door is shut", patience, [&] { return gateway->stats().door_shut > 0; });
  auto device = connect(*gateway);
  device.send(hello());
  step_until([&] { return received_ == 1; });
  test::await_until(
      "they are given up", patience, [&] { return gateway->stats().handshakes_failed >= 4; });
  test::await_until("none is left", patience, [&] { return gateway->stats().strangers == 0; });
}

}  // namespace
}  // namespace portoser::fleet
