// Controllers and agents of other versions: what is new is passed over, and whoever cannot be
// understood is told why. Both directions, between real processes and a peer played here.

#include "agent/identity/identity.h"
#include "tests/integration/good_peer.h"
#include "tests/integration/portoser.h"
#include "tests/support/await.h"
#include "tests/support/wire_peer.h"
#include "tests/unit/link/controller_double.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <msgpack.hpp>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// The frame of a later version: its number is higher, there are keys in body and envelope that
/// nobody here knows.
template <class Message>
std::string from_the_future(const Message& message) {
  const auto today = protocol::encode(message);
  const auto parsed = msgpack::unpack(today.data(), today.size());
  const auto& fields = parsed.get().via.array;
  const auto& body = fields.ptr[3].via.map;
  msgpack::sbuffer buffer;
  msgpack::packer<msgpack::sbuffer> packer{buffer};
  packer.pack_array(5);
  packer.pack(99);
  packer.pack(fields.ptr[1]);
  packer.pack(fields.ptr[2]);
  packer.pack_map(body.size + 2);
  packer.pack("aura").pack(std::vector<std::string>{"violet", "green"});
  for (std::uint32_t i = 0; i < body.size; ++i) {
    packer.pack(body.ptr[i].key).pack(body.ptr[i].val);
  }
  packer.pack("omens").pack_map(1).pack("crows").pack(3);
  packer.pack("a fifth field");
  return {buffer.data(), buffer.size()};
}

std::string unknown_message(const std::string& type) {
  msgpack::sbuffer buffer;
  msgpack::packer<msgpack::sbuffer> packer{buffer};
  packer.pack_array(4);
  packer.pack(1).pack(type).pack(7).pack_map(1).pack("wish").pack("granted");
  return {buffer.data(), buffer.size()};
}

class OurController : public testing::Test {
 protected:
  OurController() : folder_("versions"), controller_(folder_.path()) {
    controller_.write_registry(
        "hosts:\n  brick: {ip: 127.0.0.1}\n  slate: {ip: 127.0.0.2}\nservices:\n  notes: "
        "{current_host: brick, docker_compose: /srv/notes/compose.yml}\n");
    controller_.start();
  }
  Enrolled join(const std::string& name) { return join_by_hand(controller_.create_token(), name); }
  /// Says a hello of these versions and returns the answer's text.
  std::string refused_hello(WirePeer& peer, std::int64_t low, std::int64_t high) {
    auto hello = make_hello();
    hello.protocol_low = low;
    hello.protocol_high = high;
    peer.send(hello);
    const auto goodbye = peer.await<protocol::Goodbye>();
    EXPECT_EQ(goodbye.reason, "version");
    return goodbye.message;
  }

  TempFolder folder_;
  ControllerProcess controller_;
};

TEST_F(OurController, TellsAnAgentOfAnotherProtocolWhichSideIsOld) {
  const auto who = join("slate");
  GoodPeer good{join("brick")};
  WirePeer peer{who};
  const auto newest = protocol::version_high;
  EXPECT_THAT(refused_hello(peer, newest + 1, newest + 3), HasSubstr("upgrade the controller"));
  EXPECT_THAT(refused_hello(peer, 0, protocol::version_low - 1), HasSubstr("upgrade the agent"));
  // Again and again, each time another text: one line all the same.
  for (int i = 0; i < 30; ++i) refused_hello(peer, newest + 1, newest + 4 + i);
  const auto log = controller_.log();
  const std::string line = "an agent speaks another protocol version";
  const auto first = log.find(line);
  EXPECT_NE(first, std::string::npos);
  EXPECT_EQ(log.find(line, first + 1), std::string::npos);
  EXPECT_EQ(controller_.metric("portoser_wire_hellos_refused_total{reason=\"version\"}"), 32);
  peer.send(make_sample(99.5));
  good.expect_served(controller_, "notes");
  EXPECT_NE(controller_.row("/api/machines", "machines", "slate")["status"], "online");
  // Its other half of a range that reaches ours is enough.
  auto hello = make_hello();
  hello.protocol_high = newest + 5;
  peer.send(hello);
  EXPECT_EQ(peer.await<protocol::Welcome>().name, "slate");
}

TEST_F(OurController, PassesOverWhatALaterAgentAdds) {
  WirePeer peer{join("slate")};
  peer.send_raw(unknown_message("prophecy"));
  peer.send_raw(from_the_future(make_hello()));
  EXPECT_EQ(peer.await<protocol::Welcome>().name, "slate");
  peer.send_raw(unknown_message(std::string(500000, 'p')));
  peer.send_raw(from_the_future(make_sample(42)));
  await_until(
      "the sample is seen",
      60s,
      [&] { return controller_.get("/api/metrics/machine/slate").body["cpu_percent"] == 42.0; },
      [&] { return controller_.log_tail(); });
  EXPECT_EQ(controller_.metric("portoser_wire_dropped_total{reason=\"unknown_type\"}"), 2);
  EXPECT_EQ(controller_.metric("portoser_wire_dropped_total{reason=\"malformed\"}"), 0);
  EXPECT_THAT(controller_.log(), HasSubstr("messages of an unknown type dropped"));
  EXPECT_LT(controller_.log().size(), 100000U);
}

/// A real agent, and a controller that the test plays.
class OurAgent : public testing::Test {
 protected:
  OurAgent() : folder_("versions"), agent_(folder_.path(), "brick", "/nonexistent.sock") {
    agent::identity::Identity who;
    who.keys = agent::identity::make_or_find_keys(folder_ / "brick");
    who.device_id = "device";
    who.name = "brick";
    who.controller_endpoint = "tcp://127.0.0.1:" + std::to_string(port_);
    who.controller_key = keys_.public_key;
    who.controller_url = "http://127.0.0.1:1";
    agent::identity::save_identity(folder_ / "brick", who);
    // It only listens; the test says what is to be said.
    controller_.emplace(keys_, memory_, ControllerDouble::Behaviour{.welcomes = false}, int{port_});
    controller_->admit(who.keys.public_key);
    agent_.start();
  }
  template <class Message>
  void await_message(std::size_t at_least = 1) {
    await_until(
        "a " + std::string{Message::type} + " comes",
        60s,
        [&] { return memory_->seen().all<Message>().size() >= at_least; },
        [&] { return agent_.log_tail(); });
  }
  void await_log(const std::string& text) {
    await_until(
        "the agent says \"" + text + "\"",
        60s,
        [&] { return agent_.log().find(text) != std::string::npos; },
        [&] { return agent_.log_tail(); });
  }

  TempFolder folder_;
  std::uint16_t port_ = free_port();
  protocol::KeyPair keys_ = protocol::make_key_pair();
  std::shared_ptr<ControllerMemory> memory_ = std::make_shared<ControllerMemory>();
  std::optional<ControllerDouble> controller_;
  AgentProcess agent_;
};

TEST_F(OurAgent, SaysWhatItSpeaksAndLeavesAControllerThatDoesNot) {
  await_message<protocol::Hello>();
  const auto hello = memory_->seen().all<protocol::Hello>().front();
  EXPECT_EQ(hello.protocol_low, protocol::version_low);
  EXPECT_EQ(hello.protocol_high, protocol::version_high);
  controller_->send(from_the_future(
      protocol::Goodbye{"version", "this controller speaks protocol 98 to 99: upgrade the agent"}));
  await_log("state=refused");
  EXPECT_THAT(agent_.log(), HasSubstr("reason=version"));
  EXPECT_THAT(agent_.log(), HasSubstr("upgrade the agent"));
  EXPECT_TRUE(agent_.running()) << "it goes on measuring and tries again later";
  agent_.stop();
}

TEST_F(OurAgent, PassesOverWhatALaterControllerAdds) {
  await_message<protocol::Hello>();
  controller_->send(unknown_message("prophecy"));
  protocol::Welcome welcome;
  welcome.device_id = "device";
  welcome.name = "brick";
  welcome.sample_interval_ms = 200;
  controller_->send(from_the_future(welcome));
  await_log("state=online");
  controller_->send(unknown_message("prophecy"));
  controller_->send(from_the_future(protocol::Assign{"revision-1", {}}));
  // A command of a later controller ends with a result that says so, not with silence.
  protocol::Command command;
  command.id = "01JDZZZZZZZZZZZZZZZZZZZZZZ";
  command.name = "volume.transmute";
  command.duration_ms = 10000;
  command.arguments.data = "\x80";
  controller_->send(from_the_future(command));
  await_message<protocol::Sample>(2);
  await_message<protocol::CommandResult>();
  const auto result = memory_->seen().all<protocol::CommandResult>().front();
  EXPECT_FALSE(result.succeeded);
  EXPECT_THAT(result.message, HasSubstr("volume.transmute"));
  EXPECT_THAT(agent_.log(), HasSubstr("message of an unknown type dropped"));
  agent_.stop();
}

}  // namespace
}  // namespace portoser::test
