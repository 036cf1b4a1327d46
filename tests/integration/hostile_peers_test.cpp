// Peers that are not what they claim, or speak nonsense: refused, counted, told once a minute, and
// the others do not notice.

#include "tests/integration/hostile_fixture.h"

#include <sys/socket.h>

#include <random>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;
using Fate = WirePeer::Fate;

constexpr auto refused = "portoser_wire_handshakes_refused_total";
constexpr auto failed = "portoser_wire_handshakes_failed_total";
constexpr auto malformed = "portoser_wire_dropped_total{reason=\"malformed\"}";
constexpr auto too_large = "portoser_wire_dropped_total{reason=\"too_large\"}";
constexpr auto unknown_type = "portoser_wire_dropped_total{reason=\"unknown_type\"}";
constexpr auto not_admitted = "portoser_wire_dropped_total{reason=\"not_admitted\"}";
constexpr auto not_welcomed = "portoser_wire_dropped_total{reason=\"not_welcomed\"}";
constexpr auto own_route = "portoser_wire_dropped_total{reason=\"routing_id\"}";
constexpr auto ended = "portoser_wire_connections_ended_total";
constexpr auto cloned = "portoser_wire_hellos_refused_total{reason=\"cloned\"}";

/// No host other than the good ones would be as busy as that.
constexpr double hostile_percent = 99.5;

class HostilePeers : public Hostile {
 protected:
  static Enrolled stranger() {
    auto who = good_->who();
    who.keys = protocol::make_key_pair();
    return who;
  }
  /// None of the samples of `hostile_percent` came through.
  static void expect_unheard() {
    EXPECT_THAT(controller_->get("/api/metrics/all").text, Not(HasSubstr("99.5")));
  }
};

TEST_F(HostilePeers, KeyOfNobodyIsRefused) {
  const auto devices = controller_->get("/api/devices").body["devices"].size();
  const auto before = count(refused);
  for (int i = 0; i < 20; ++i) {
    WirePeer peer{stranger()};
    peer.send(make_hello());
    EXPECT_EQ(peer.await_fate(), Fate::refused);
    EXPECT_FALSE(peer.receive(0ms));
  }
  await_count(refused, before + 20);
  EXPECT_EQ(controller_->get("/api/devices").body["devices"].size(), devices);
  expect_told("a connection was refused: its key belongs to no device");
}

TEST_F(HostilePeers, WhoTakesUsForAnotherControllerIsRefused) {
  const auto before = count(failed);
  for (int i = 0; i < 10; ++i) {
    auto who = good_->who();
    who.controller_key = protocol::make_key_pair().public_key;
    WirePeer peer{who};
    EXPECT_NE(peer.await_fate(), Fate::admitted);
  }
  await_count(failed, before + 10);
  expect_told("connections that do not speak our protocol were refused");
}

TEST_F(HostilePeers, RevokedKeyIsDroppedAtOnceAndRefusedWhenItComesBack) {
  const auto old = join("slate");
  WirePeer peer{old};
  peer.send(make_hello());
  EXPECT_EQ(peer.await<protocol::Welcome>().name, "slate");
  peer.send(make_sample(1));
  controller_->await_machine("slate", "online");

  const auto before = count(not_admitted);
  const auto before_refused = count(refused);
  join("slate", {"--host", "slate", "--replace-key"});
  EXPECT_EQ(peer.await<protocol::Goodbye>().reason, "removed");
  peer.send(make_hello());
  for (int i = 0; i < 100; ++i) peer.send(make_sample(hostile_percent));
  await_count(not_admitted, before + 101);
  EXPECT_NE(status_of("slate"), "online");

  WirePeer again{old};
  EXPECT_EQ(again.await_fate(), Fate::refused);
  await_count(refused, before_refused + 1);
  expect_unheard();
  expect_told("messages of a removed device dropped");
}

TEST_F(HostilePeers, SecondMachineWithAKeyIsKeptOut) {
  WirePeer copy{good_->who()};
  // Not answered before the first machine has shown that it is still there, and said again.
  await_until("the copy is told", 30s, [&] {
    copy.send(make_hello("boot-of-the-copy"));
    return copy.receive(100ms).has_value();
  });
  const auto before = count(cloned);
  const auto before_dropped = count(not_welcomed);
  constexpr int times = 5;
  for (int i = 0; i < times; ++i) {
    auto hello = make_hello("boot-of-the-copy");
    hello.facts.hostname = "copy-" + std::to_string(i);
    hello.facts.hostname.resize(100000, 'x');
    // Each time the first machine shows itself anew.
    std::optional<protocol::AnyMessage> answer;
    await_until("the copy is told again", 30s, [&] {
      copy.send(hello);
      answer = copy.receive(100ms);
      return answer.has_value();
    });
    EXPECT_EQ(std::get<protocol::Goodbye>(*answer).reason, "cloned");
    copy.send(make_sample(hostile_percent, "boot-of-the-copy"));
    protocol::Event event;
    event.sequence = 1000000 + i;
    event.when = make_hello("boot-of-the-copy").now;
    event.scope = "service";
    event.service = "notes";
    event.event_type = "failure";
    copy.send(event);
    copy.send(protocol::Goodbye{"stopping", "for the other one too?"});
  }
  await_count(cloned, before + times);
  await_count(not_welcomed, before_dropped + 3 * times);
  expect_unheard();
  EXPECT_THAT(controller_->get("/api/devices").text, HasSubstr("pebble"));
  expect_told("two machines use one key; the newer is kept out");
  expect_told("messages of a connection that is not in force dropped");
  EXPECT_LT(controller_->log().size(), 1U << 20U);
}

TEST_F(HostilePeers, SquatterOfARoutingIdTakesNobodysPlace) {
  const auto who = join("shale");
  const auto before_ended = count(ended);
  const auto before = count(own_route);
  std::vector<WirePeer> squatters;
  // The last two are as libzmq makes them itself: it would end the controller if it came to a
  // number that somebody has taken.
  for (const auto& id : {std::string{"pebble"},
                         std::string{"brick"},
                         std::string{"pebble"},
                         std::string{"\1\2\3\4\5"},
                         std::string(5, '\0'),
                         std::string{"\0\xff\xff\xff\xff", 5}}) {
    auto& squatter = squatters.emplace_back(who, id);
    EXPECT_EQ(squatter.await_fate(), Fate::admitted);
    squatter.send(make_hello());
    EXPECT_EQ(squatter.await<protocol::Welcome>().name, "shale") << "as itself";
  }
  EXPECT_EQ(count(own_route), before) << "all got one from the controller";
  EXPECT_EQ(count(ended), before_ended) << "and nobody lost a connection";
}

TEST_F(HostilePeers, MessageOverOurLimitIsDroppedAndOverTheSocketsEndsTheConnection) {
  const auto who = join("flint");
  const auto before = count(too_large);
  WirePeer peer{who};
  EXPECT_EQ(peer.await_fate(), Fate::admitted);
  for (int i = 0; i < 60; ++i) peer.send_raw(std::string(2U << 20U, 'x'));
  await_count(too_large, before + 60);
  peer.send(make_hello());
  EXPECT_EQ(peer.await<protocol::Welcome>().name, "flint");
  expect_told("messages over 1 MiB dropped");

  const auto before_ended = count(ended);
  peer.send_raw(std::string(5U << 20U, 'x'));
  EXPECT_EQ(peer.await_fate(), Fate::lost);
  await_count(ended, before_ended + 1);
}

TEST_F(HostilePeers, TruncatedAndRandomMessagesAreDropped) {
  const auto who = join("marl");
  const auto before = count(malformed);
  WirePeer peer{who};
  const auto whole = protocol::encode(make_sample(hostile_percent));
  std::size_t sent = 0;
  for (std::size_t size = 0; size < whole.size(); ++size, ++sent) {
    peer.send_raw(whole.substr(0, size));
  }
  std::mt19937 random{20241129};
  for (int i = 0; i < 3000; ++i, ++sent) {
    std::string noise(1 + random() % 300, '\0');
    for (auto& byte : noise) byte = static_cast<char>(random());
    // An array of four and then noise gets deeper into the decoder.
    if (i % 2 == 0) noise.insert(0, "\x94\x01\xa5hello\x01\x8f");
    peer.send_raw(noise);
  }
  // Lengths that promise gigabytes, nesting without end, a name of a megabyte, several frames.
  peer.send_raw(std::string{"\xdd\xff\xff\xff\xff"});
  peer.send_raw(std::string{"\x94\x01\xdb\xff\xff\xff\xff"});
  peer.send_raw(std::string(100000, '\x91'));
  peer.send_raw("\x94\x01\xdb" + std::string{"\x00\x0e\x00\x00", 4} + std::string(917504, 'n') +
                "\x01\x01");
  peer.send_frames({"one", "two", "three"});
  sent += 5;
  await_count(malformed, before + static_cast<double>(sent));
  expect_unheard();
  EXPECT_NE(status_of("marl"), "online");
  expect_told("malformed messages dropped");
  EXPECT_LT(controller_->log().size(), 1U << 20U)
      << "no line repeats what a stranger said at length";
  peer.send(make_hello());
  EXPECT_EQ(peer.await<protocol::Welcome>().name, "marl");
}

TEST_F(HostilePeers, HelloAgainAndAgainFillsNeitherLogNorMemory) {
  WirePeer peer{join("chalk")};
  auto hello = make_hello();
  for (int i = 0; i < 3000; ++i) {
    hello.facts.hostname = "chalk-" + std::to_string(i);
    hello.facts.hostname.resize(1000, 'x');
    peer.send(hello);
    EXPECT_EQ(peer.await<protocol::Welcome>().name, "chalk");
  }
  EXPECT_EQ(logged("an agent is connected host=chalk"), 1U);
  EXPECT_EQ(status_of("chalk"), "online");
}

TEST_F(HostilePeers, PortThatIsScannedOrOccupiedGivesItsPlacesBack) {
  const auto before = count(failed);
  std::vector<Descriptor> silent;
  for (int i = 0; i < 50; ++i) silent.push_back(connect_raw(controller_->wire_port()));
  std::vector<Descriptor> others;
  for (const auto& words : {std::string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n"},
                            std::string{"\x16\x03\x01\x02\x00\x01", 6},
                            zmtp_greeting(),
                            zmtp_greeting() + std::string{"\x04\x05HELLO", 7},
                            zmtp_greeting().substr(0, 11),
                            std::string(100000, '\xff')}) {
    others.push_back(connect_raw(controller_->wire_port()));
    send_raw(others.back(), words);
  }
  await_until("all are ended", 60s, [&] {
    return count_ended(silent) == silent.size() && count_ended(others) == others.size();
  });
  await_count(failed, before + static_cast<double>(silent.size()));
  expect_told("connections that do not speak our protocol were refused");
}

TEST_F(HostilePeers, SlowHttpClientsAreEndedAndCounted) {
  constexpr auto slow = "portoser_http_connections_refused_total{reason=\"too_slow\"}";
  const auto before = count(slow);
  std::vector<Descriptor> slow_ones;
  for (const auto port : {controller_->port(), controller_->join_port()}) {
    for (int i = 0; i < 100; ++i) slow_ones.push_back(connect_raw(port));
  }
  std::size_t trickled = 0;
  const std::string request = "GET /ping HTTP/1.1\r\nHost: x\r\nX-Slow: " + std::string(400, 'x');
  await_until("all are ended", 120s, [&] {
    // A byte now and then, so that none of them is idle. Half of them say nothing at all.
    const auto next = request.substr(trickled++ % request.size(), 1);
    for (std::size_t i = 0; i < slow_ones.size(); i += 2) {
      ::send(slow_ones[i].get(), next.data(), 1, MSG_NOSIGNAL);
    }
    return count_ended(slow_ones) == slow_ones.size();
  });
  await_count(slow, before + 200);
  expect_told("connections that were too slow were ended");
}

TEST_F(HostilePeers, FailedRegistrationsAreToldOnceAMinute) {
  constexpr auto registrations = "devices_registered_total{status=\"refused\",arch=\"\",os=\"\"}";
  const auto before = controller_->metric(registrations).value_or(0);
  HttpClient client{controller_->join_port()};
  for (int i = 0; i < 300; ++i) {
    const Json body{{"hostname", std::string(200 + i, 'h')},
                    {"public_key", protocol::make_key_pair().public_key},
                    {"token_id", "nobody"},
                    {"proof", "none"}};
    EXPECT_GE(
        client.post("/api/v1/devices", dump(body), {{"Content-Type", "application/json"}}).status,
        400U);
  }
  await_count(registrations, before + 300);
  expect_told("a registration was refused");
}

}  // namespace
}  // namespace portoser::test
