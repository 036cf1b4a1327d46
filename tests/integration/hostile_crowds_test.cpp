// Crowds: ten thousand connections to each port, floods of handshakes, frames that fill the memory,
// too few descriptors. The agents that are there are served meanwhile, and all is given back.

#include "tests/integration/hostile_fixture.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>
#include <utility>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t ten_thousand = 10000;
constexpr auto refused = "portoser_wire_handshakes_refused_total";
constexpr auto failed = "portoser_wire_handshakes_failed_total";
constexpr auto accepts_failed = "portoser_wire_accepts_failed_total";
constexpr auto shut = "portoser_wire_shut_total";
constexpr auto too_many = "portoser_http_connections_refused_total{reason=\"too_many\"}";
constexpr auto too_slow = "portoser_http_connections_refused_total{reason=\"too_slow\"}";
/// Of the gateway: handshakes at a time, and what the kernel may still hand over then.
constexpr std::size_t strangers = 1024 + 1024;

std::vector<Descriptor> begin_many(std::uint16_t port, std::size_t number) {
  std::vector<Descriptor> sockets;
  sockets.reserve(number);
  for (std::size_t i = 0; i < number; ++i) sockets.push_back(begin_raw(port));
  return sockets;
}

class HostileCrowds : public Hostile {
 protected:
  void SetUp() override {
    if (raise_own_descriptor_limit() < ten_thousand + 500) {
      FAIL() << "ten thousand connections need a hard limit of open files (ulimit -Hn) above them";
    }
    Hostile::SetUp();
  }
  void TearDown() override {
    if (!HasFatalFailure()) Hostile::TearDown();
  }
  /// The web surface may be full for a while.
  static void await_answer() {
    await_until("the web surface answers", 120s, [] {
      try {
        return controller_->get("/ping").status == 200;
      } catch (const std::exception&) {
        return false;
      }
    });
  }
  static void expect_newcomer_is_let_in(const std::string& name) {
    GoodPeer newcomer{join(name)};
    controller_->await_machine(name, "online");
  }
};

TEST_F(HostileCrowds, TenThousandConnectionsToThePortOfTheAgents) {
  const auto before_shut = count(shut);
  const auto before_failed = count(failed);
  auto crowd = begin_many(controller_->wire_port(), ten_thousand);
  await_count(shut, before_shut + 1);
  std::size_t most = 0;
  for (int i = 0; i < 5; ++i) {
    good_->expect_served(*controller_, "notes");
    most = std::max(most, open_descriptors(controller_->pid()));
  }
  EXPECT_LE(most, before_.descriptors + strangers + 200);
  EXPECT_LT(resident_kib(controller_->pid()), before_.resident_kib + allowed_growth_kib_);
  // Nobody of them says anything, and each is given up after the time of a handshake.
  await_count(failed, before_failed + 1500);
  good_->expect_served(*controller_, "notes");
  EXPECT_EQ(count(accepts_failed), 0);
  crowd.clear();
  expect_newcomer_is_let_in("slate");
  expect_told("too many connections at once: new ones wait");
  expect_told("connections that do not speak our protocol were refused");
}

TEST_F(HostileCrowds, AgentThatComesBackFindsAPlaceInTheCrowd) {
  AgentProcess latecomer{folder_->path(), "flint", "/nonexistent.sock"};
  latecomer.join(controller_->create_token());
  const auto before_shut = count(shut);
  const auto crowd = begin_many(controller_->wire_port(), ten_thousand);
  await_count(shut, before_shut + 1);
  latecomer.start();
  await_until(
      "it is connected",
      300s,
      [] { return status_of("flint") == "online"; },
      [&] { return latecomer.log_tail() + controller_->log_tail(); });
  latecomer.stop();
}

TEST_F(HostileCrowds, TenThousandConnectionsToTheJoiningPort) {
  const auto before = count(too_many);
  const auto before_slow = count(too_slow);
  auto crowd = begin_many(controller_->join_port(), ten_thousand);
  await_count(too_many, before + ten_thousand - 3000);
  good_->expect_served(*controller_, "notes");
  EXPECT_LT(resident_kib(controller_->pid()), before_.resident_kib + allowed_growth_kib_);
  await_until("all are ended", 120s, [&] { return count_ended(crowd) == crowd.size(); });
  EXPECT_GT(count(too_slow), before_slow);
  expect_newcomer_is_let_in("shale");
  expect_told("connections were told to come later");
}

TEST_F(HostileCrowds, TenThousandConnectionsToTheWebSurface) {
  const auto before = count(too_many);
  const auto before_slow = count(too_slow);
  const auto crowd = begin_many(controller_->port(), ten_thousand);
  await_until("all are ended", 300s, [&] { return count_ended(crowd) == crowd.size(); });
  await_answer();
  EXPECT_GT(count(too_many), before + 3000);
  EXPECT_GT(count(too_slow), before_slow + 1000);
  expect_told("connections were told to come later");
}

TEST_F(HostileCrowds, FloodOfHandshakes) {
  constexpr int wanted = 4000;
  const auto before = count(refused);
  std::atomic<int> done{0};
  std::thread flood{[&] {
    auto who = good_->who();
    who.keys = protocol::make_key_pair();
    while (done < wanted) {
      std::vector<WirePeer> wave;
      for (int i = 0; i < 100; ++i) wave.emplace_back(who);
      for (auto& peer : wave) {
        if (peer.await_fate() == WirePeer::Fate::refused) ++done;
      }
    }
  }};
  while (done < wanted) good_->expect_served(*controller_, "notes");
  flood.join();
  await_count(refused, before + wanted);
  expect_told("a connection was refused: its key belongs to no device");
}

TEST_F(HostileCrowds, FramesOfStrangersDoNotStayInMemory) {
  // libzmq takes a frame of up to 4 MiB from anybody before it looks at it.
  const std::string head{"\x06\x00\x00\x00\x00\x00\x3f\xff\xff", 9};
  const std::string part(3U << 20U, 'x');
  const auto before_failed = count(failed);
  std::vector<Descriptor> strangers_with_frames;
  for (int i = 0; i < 100; ++i) {
    auto& socket = strangers_with_frames.emplace_back(connect_raw(controller_->wire_port()));
    send_raw(socket, zmtp_greeting());
    send_raw(socket, head);
    send_raw(socket, part);
  }
  good_->expect_served(*controller_, "notes");
  await_count(failed, before_failed + 100);
  await_until("all are ended", 60s, [&] {
    return count_ended(strangers_with_frames) == strangers_with_frames.size();
  });
  await_until(
      "the memory is given back",
      60s,
      [&] { return resident_kib(controller_->pid()) < before_.resident_kib + allowed_growth_kib_; },
      [] { return std::to_string(resident_kib(controller_->pid())) + " KiB"; });
}

/// A controller that may open few files.
TEST(HostileFewDescriptors, NoCrowdAtAPortTakesThemFromTheAgents) {
  raise_own_descriptor_limit();
  TempFolder folder{"hostile"};
  ControllerProcess controller{folder.path()};
  controller.write_registry(
      "hosts:\n  pebble: {ip: 127.0.0.1}\n  slate: {ip: 127.0.0.2}\nservices:\n  notes: "
      "{current_host: pebble, docker_compose: /srv/notes/compose.yml}\n");
  controller.limit_descriptors(400);
  controller.start();
  std::optional<GoodPeer> good{std::in_place, join_by_hand(controller.create_token(), "pebble")};
  const auto before = open_descriptors(controller.pid());
  {
    const auto agents = begin_many(controller.wire_port(), 2000);
    const auto hosts = begin_many(controller.join_port(), 2000);
    await_until("the door is shut", 60s, [&] { return controller.metric(shut) >= 1.0; });
    for (int i = 0; i < 5; ++i) good->expect_served(controller, "notes");
    EXPECT_LT(open_descriptors(controller.pid()), 400U);
    // Where accept fails, libzmq asks again without a pause, and tells it each time.
    EXPECT_LT(controller.metric(accepts_failed).value_or(0), 100);
  }
  await_until(
      "all is given back", 120s, [&] { return open_descriptors(controller.pid()) <= before + 8; });
  {
    const auto web = begin_many(controller.port(), 2000);
    await_until("all are ended", 120s, [&] { return count_ended(web) == web.size(); });
  }
  await_until("the web surface answers", 60s, [&] {
    try {
      return controller.get("/ping").status == 200;
    } catch (const std::exception&) {
      return false;
    }
  });
  good->expect_served(controller, "notes");
  { GoodPeer newcomer{join_by_hand(controller.create_token(), "slate")}; }
  good.reset();
  controller.stop();
}

}  // namespace
}  // namespace portoser::test
