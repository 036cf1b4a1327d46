// The WebSockets of a running controller: crowds, clients that do not read, clients that come and
// go, and nonsense. Counted, not timed.

#include "common/clock.h"
#include "tests/integration/portoser.h"
#include "tests/integration/process_usage.h"
#include "tests/support/await.h"
#include "tests/support/socket_crowd.h"
#include "tests/support/wire_peer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;

const std::vector<std::string> all_paths{
    "/ws", "/ws/devices", "/api/metrics/ws", "/api/ws/metrics", "/api/uptime/ws"};

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
constexpr std::size_t allowed_growth_kib = 1U << 20U;  // it keeps what is freed
#else
constexpr std::size_t allowed_growth_kib = 96U << 10U;
#endif

class Sockets : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    raise_own_descriptor_limit();
    folder_ = std::make_unique<TempFolder>("sockets");
    controller_ = std::make_unique<ControllerProcess>(folder_->path());
    controller_->write_registry(
        "hosts:\n  brick: {ip: 127.0.0.1}\n  slate: {ip: 127.0.0.2}\nservices:\n"
        "  loud: {current_host: brick, docker_compose: /srv/loud/compose.yml}\n"
        "  quiet: {current_host: brick, docker_compose: /srv/quiet/compose.yml}\n");
    controller_->set_environment({{"PORTOSER_HTTP_SOCKET_PING_SECONDS", "1"},
                                  {"PORTOSER_HTTP_SOCKET_SILENCE_SECONDS", "300"}});
    controller_->start();
  }
  static void TearDownTestSuite() {
    if (controller_) controller_->stop();
    controller_.reset();
    folder_.reset();
  }
  void SetUp() override {
    await_gone();
    descriptors_ = open_descriptors(controller_->pid());
    resident_kib_ = resident_kib(controller_->pid());
  }
  /// Whatever was done to it, it lives, has no socket open and has all its descriptors back.
  void TearDown() override {
    ASSERT_TRUE(controller_->running()) << controller_->log_tail();
    await_gone();
    await_until(
        "all descriptors are given back",
        60s,
        [&] { return open_descriptors(controller_->pid()) <= descriptors_ + 4; },
        [&] {
          return std::to_string(open_descriptors(controller_->pid())) + " open, before " +
                 std::to_string(descriptors_);
        });
  }

  static double of_path(const std::string& family, const std::string& path) {
    return controller_->metric(family + "{endpoint=\"" + path + "\"}").value_or(0);
  }
  static double closed(const std::string& path, const std::string& code) {
    return controller_
        ->metric("portoser_ws_closed_total{endpoint=\"" + path + "\",code=\"" + code + "\"}")
        .value_or(0);
  }
  static double dropped(const std::string& path) {
    return controller_
        ->metric("portoser_ws_dropped_total{endpoint=\"" + path + "\",reason=\"slow\"}")
        .value_or(0);
  }
  static void await_gone() {
    await_until(
        "no socket is open and no connection but the one that asks",
        60s,
        [] {
          for (const auto& path : all_paths) {
            if (of_path("portoser_ws_connections", path) != 0) return false;
          }
          return controller_->metric("portoser_http_connections").value_or(0) <= 1;
        },
        [] { return controller_->get("/metrics").text; });
  }
  static std::string note(const std::string& service, const std::string& details) {
    return dump(Json{{"event_type", "deployment"},
                     {"service", service},
                     {"machine", "brick"},
                     {"details", details},
                     {"metadata", {{"more", details}}}});
  }
  static int times(int usual) {
    const auto* wanted = std::getenv("PORTOSER_TEST_SOCKETS");
    return wanted == nullptr ? usual : std::atoi(wanted);
  }

  static std::unique_ptr<TempFolder> folder_;
  static std::unique_ptr<ControllerProcess> controller_;
  std::size_t descriptors_ = 0;
  std::size_t resident_kib_ = 0;
};

std::unique_ptr<TempFolder> Sockets::folder_;
std::unique_ptr<ControllerProcess> Sockets::controller_;

TEST_F(Sockets, OneOfFiveHundredThatDoesNotReadIsClosedAndTheOthersMissNothing) {
  const std::string path = "/api/uptime/ws";
  constexpr std::size_t quiet_readers = 480;
  constexpr std::size_t loud_readers = 19;
  SocketClient asleep{controller_->port(), path};
  SocketCrowd quiet{
      controller_->port(), path, quiet_readers, R"({"action":"subscribe","services":["quiet"]})"};
  SocketCrowd loud{controller_->port(), path, loud_readers, R"({"action":"subscribe"})"};
  await_until("all have subscribed", 60s, [&] {
    return quiet.fewest("\"subscribed\"") == 1 && loud.fewest("\"subscribed\"") == 1;
  });
  EXPECT_EQ(of_path("portoser_ws_connections", path), 500);

  HttpClient http{controller_->port()};
  const std::string long_text(4000, 'x');
  constexpr std::size_t of_loud = 24;  // in each round, and one of quiet
  std::size_t told = 0;
  std::size_t told_while_it_slept = 0;
  std::vector<std::int64_t> newest(loud_readers);
  while (dropped(path) == 0) {
    told_while_it_slept = told;
    ASSERT_LT(told, 3000U) << "a client that reads nothing is still served";
    for (std::size_t i = 0; i < of_loud; ++i) {
      ASSERT_EQ(http.post("/api/uptime/event", note("loud", long_text)).status, 200U);
    }
    ASSERT_EQ(http.post("/api/uptime/event", note("quiet", "")).status, 200U);
    told += of_loud + 1;
    await_until("the others have all of it", 60s, [&] {
      return quiet.fewest("\"uptime_event\"") == 1 &&
             loud.fewest("\"uptime_event\"") == of_loud + 1;
    });
    for (std::size_t client = 0; client < loud_readers; ++client) {
      for (const auto& frame : loud.received(client, "\"uptime_event\"")) {
        const auto id = Json::parse(frame.text)["id"].get<std::int64_t>();
        ASSERT_GT(id, newest[client]) << "in order, each once";
        newest[client] = id;
      }
    }
    quiet.forget();
    loud.forget();
  }
  std::size_t taken = 0;
  while (const auto text = asleep.receive()) {
    if (Json::parse(*text)["type"] == "uptime_event") ++taken;
  }
  EXPECT_EQ(asleep.await_close(), 1013) << "it wakes and reads why";
  EXPECT_LT(taken, told_while_it_slept)
      << "the others had an event first when the one that sleeps was given up";
  EXPECT_EQ(quiet.open(), quiet_readers);
  EXPECT_EQ(loud.open(), loud_readers);
  EXPECT_LT(resident_kib(controller_->pid()), resident_kib_ + allowed_growth_kib);
  await_until("it is counted", 60s, [&] { return closed(path, "1013") == 1; });
  EXPECT_EQ(of_path("portoser_ws_connections", path), 499);
}

TEST_F(Sockets, ThatComeAndGoLeaveNothingBehind) {
  const auto half = [](HttpClient& client) {
    client.send_raw("GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgr");
    client.hang_up();
  };
  const auto count = times(2000);
  for (int i = 0; i < count; ++i) {
    const auto& path = all_paths[static_cast<std::size_t>(i / 5) % all_paths.size()];
    if (i % 5 == 4) {
      HttpClient client{controller_->port()};
      half(client);
      continue;
    }
    SocketClient client{controller_->port(), i % 2 == 0 ? "/ws" : path};
    if (i % 5 == 0) client.close();
    if (i % 5 == 1) client.reset();
    if (i % 5 == 2) client.hang_up();
    if (i % 5 == 3) {  // while an answer is on its way
      client.send("ping");
      client.reset();
    }
  }
  double ended = 0;
  await_until("each is counted out", 60s, [&] {
    ended = 0;
    for (const auto& path : all_paths) {
      for (const auto* code : {"1000", "1006"}) ended += closed(path, code);
    }
    return ended >= count * 4 / 5;
  });
  EXPECT_LT(resident_kib(controller_->pid()), resident_kib_ + allowed_growth_kib);
}

TEST_F(Sockets, NonsenseIsAnsweredAsTheDocsSay) {
  for (const auto& path : all_paths) {
    SocketClient socket{controller_->port(), path};
    for (const auto* text : {"{", "[1]", "\"x\"", "ping", R"({"action":"ping"})"}) {
      socket.send(text);
    }
    // /ws answers the last one alone, the others all five.
    const auto expected = path == "/ws" ? 1U : 5U;
    std::vector<std::string> answers;
    while (answers.size() < expected) {
      const auto frame = socket.receive();
      ASSERT_TRUE(frame) << path;
      const auto type = Json::parse(*frame)["type"].get<std::string>();
      if (type == "error" || type == "pong") answers.push_back(type);
    }
    const std::vector<std::string> all{"error", "error", "error", "pong", "pong"};
    EXPECT_EQ(answers, (path == "/ws" ? std::vector<std::string>{"pong"} : all)) << path;
    socket.send(std::string(1U << 20U, 'x'));
    EXPECT_EQ(socket.await_close(), 1009) << path;

    SocketClient binary{controller_->port(), path};
    binary.send_binary(R"({"action":"ping"})");
    EXPECT_EQ(binary.await_close(), 1003) << path;
  }
}

TEST_F(Sockets, AreAskedWhetherTheirClientsAreThere) {
  const SocketCrowd crowd{controller_->port(), "/ws", 3, ""};
  await_until("each was asked twice", 60s, [&] { return crowd.pings() >= 6; });
  EXPECT_EQ(crowd.open(), 3U);
}

TEST_F(Sockets, OfDevicesTellOfAHostFromItsJoiningOn) {
  SocketClient devices{controller_->port(), "/ws/devices"};
  SocketClient everything{controller_->port(), "/ws"};
  devices.send(R"({"action":"subscribe","hostname":"slate"})");
  const auto next = [&devices](const std::string& type) {
    return frames_until(devices, [&](const Json& frame) { return frame["type"] == type; }).back();
  };
  EXPECT_EQ(next("device_list")["devices"], Json::array());
  const auto who = join_by_hand(controller_->create_token(), "slate");
  EXPECT_EQ(next("device_registered")["ip"], "127.0.0.2");
  WirePeer peer{who};
  peer.send(make_hello());
  peer.await<protocol::Welcome>();
  EXPECT_EQ(next("device_online")["hostname"], "slate");
  EXPECT_EQ(next("device_status_change")["data"]["new_status"], "online");
  peer.send(make_sample(7));
  const auto beat = next("device_heartbeat");
  EXPECT_EQ(beat["status"], controller_->row("/api/devices", "devices", "slate")["status"]);
  const auto heard = time_from_rfc3339(beat["last_seen_at"].get<std::string>());
  EXPECT_TRUE(heard) << dump(beat);
  peer.send(protocol::Goodbye{"stopping", "the test is over"});
  EXPECT_EQ(next("device_offline")["hostname"], "slate");
  const auto frames = frames_until(everything, [](const Json& frame) {
    return frame["type"] == "device_status_change" && frame["data"]["new_status"] == "offline";
  });
  EXPECT_EQ(frames.back()["data"]["hostname"], "slate");
}

TEST_F(Sockets, OfMetricsAreOneStreamUnderBothPathsAndInBothDialects) {
  const auto who = join_by_hand(controller_->create_token(), "brick");
  WirePeer peer{who};
  peer.send(make_hello());
  peer.await<protocol::Welcome>();
  SocketClient everything{controller_->port(), "/ws"};
  SocketClient code{controller_->port(), "/api/metrics/ws"};
  SocketClient documented{controller_->port(), "/api/ws/metrics"};
  code.send(R"({"action":"subscribe","subscriptions":["*@brick","loud@brick","loud@*"]})");
  documented.send(R"({"type":"subscribe","device_id":"brick"})");
  for (auto* socket : {&code, &documented}) {
    frames_until(*socket, [](const Json& frame) { return frame["type"] == "subscribed"; });
  }
  for (int busy = 1; busy <= 3; ++busy) {
    peer.send(make_sample(busy));
    for (auto* socket : {&code, &documented}) {
      // The very next frame: nothing comes twice.
      const auto frame = Json::parse(*socket->receive());
      EXPECT_EQ(frame["type"], "machine_metrics_update");
      EXPECT_EQ(frame["metrics"]["cpu_percent"], busy) << dump(frame);
      EXPECT_EQ(frame["data"], frame["metrics"]);
    }
  }
  everything.send(R"({"action":"ping"})");
  EXPECT_EQ(Json::parse(*everything.receive())["type"], "pong")
      << "the UI would put what is said of one service over the row of its machine";
}

}  // namespace
}  // namespace portoser::test
