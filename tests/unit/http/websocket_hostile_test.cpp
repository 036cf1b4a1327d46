// Clients that speak wrongly, vanish, stall, or may not be here: down to the bytes of their frames.
#include "controller/http/unwelcome.h"
#include "tests/unit/http/test_server.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace portoser::http {
namespace {

using namespace std::chrono_literals;

/// A WebSocket whose frames are made by hand.
class RawSocket {
 public:
  RawSocket(TestServer& test, const std::string& target) : client_(test.port) {
    client_.send_raw("GET " + target +
                     " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
                     "dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    while (bytes_.find("\r\n\r\n") == std::string::npos) bytes_ += client_.read_raw();
    EXPECT_EQ(bytes_.substr(0, 12), "HTTP/1.1 101");
    bytes_.erase(0, bytes_.find("\r\n\r\n") + 4);
  }
  /// `head`: FIN, reserved bits and opcode.
  void send(unsigned char head, const std::string& payload, bool is_masked = true) {
    std::string frame(1, static_cast<char>(head));
    const auto mask_bit = is_masked ? 0x80U : 0U;
    if (payload.size() < 126) {
      frame += static_cast<char>(mask_bit | payload.size());
    } else {
      frame += static_cast<char>(mask_bit | 126U);
      frame += static_cast<char>(payload.size() >> 8U);
      frame += static_cast<char>(payload.size() & 0xFFU);
    }
    if (is_masked) frame.append(4, '\0');  // a mask of zeros changes nothing
    client_.send_raw(frame + payload);
  }
  /// The payload of the next frame of the server, which is a short one; sets `opcode`.
  std::string receive() {
    while (bytes_.size() < 2 || bytes_.size() < 2 + length()) {
      const auto more = client_.read_raw();
      if (more.empty()) return {};
      bytes_ += more;
    }
    opcode = static_cast<unsigned char>(bytes_[0]) & 0x0FU;
    auto payload = bytes_.substr(2, length());
    bytes_.erase(0, 2 + payload.size());
    return payload;
  }
  /// The code of the closing frame, which comes next. Then it goes.
  unsigned await_close() {
    const auto payload = receive();
    client_.hang_up();
    if (opcode != 8 || payload.size() < 2) return 0;
    return static_cast<unsigned char>(payload[0]) * 256U + static_cast<unsigned char>(payload[1]);
  }
  unsigned opcode = 0;

 private:
  [[nodiscard]] std::size_t length() const { return static_cast<unsigned char>(bytes_[1]); }
  HttpClient client_;
  std::string bytes_;
};

constexpr unsigned char text_frame = 0x81;
constexpr unsigned char begun_text = 0x01;
constexpr unsigned char continuation = 0x00;
constexpr unsigned char last_part = 0x80;

TEST(HostileSocket, PiecesOfAMessageAreOneMessageWithPingsBetweenThem) {
  TestServer test;
  RawSocket socket{test, "/ws/echo/a"};
  socket.send(begun_text, "one ");
  socket.send(0x89, "are you there");
  for (int i = 0; i < 100; ++i) socket.send(continuation, "");
  socket.send(last_part, "two");
  EXPECT_EQ(socket.receive(), "are you there");
  EXPECT_EQ(socket.opcode, 10U);
  EXPECT_EQ(socket.receive(), "one two");
}

TEST(HostileSocket, PiecesBeyond64KiBEndItWith1009) {
  TestServer test;
  RawSocket socket{test, "/ws/echo/a"};
  socket.send(begun_text, std::string(40'000, 'x'));
  socket.send(continuation, std::string(40'000, 'x'));
  EXPECT_EQ(socket.await_close(), 1009U);
  await_until("it is counted", [&] { return test.observer.closed == 1; });
  EXPECT_EQ(test.observer.last_code, 1009);
}

TEST(HostileSocket, TextThatIsNoUtf8EndsItWith1007) {
  TestServer test;
  RawSocket socket{test, "/ws/echo/a"};
  socket.send(text_frame, "\xC3\x28");
  EXPECT_EQ(socket.await_close(), 1007U);
  await_until("it is counted", [&] { return test.observer.closed == 1; });
  EXPECT_EQ(test.observer.last_code, 1007);
}

TEST(HostileSocket, FramesThatBreakTheProtocolEndItWith1002) {
  const auto code_after = [](const std::function<void(RawSocket&)>& say) {
    TestServer test;
    RawSocket socket{test, "/ws/echo/a"};
    say(socket);
    const auto code = socket.await_close();
    await_until("it is counted", [&] { return test.observer.closed == 1; });
    EXPECT_EQ(test.observer.last_code, 1002);
    return code;
  };
  EXPECT_EQ(code_after([](auto& socket) { socket.send(text_frame, "x", false); }), 1002U);
  EXPECT_EQ(code_after([](auto& socket) { socket.send(0x83, "x"); }), 1002U) << "opcode 3";
  EXPECT_EQ(code_after([](auto& socket) { socket.send(0xC1, "x"); }), 1002U) << "a reserved bit";
  EXPECT_EQ(code_after([](auto& socket) { socket.send(last_part, "x"); }), 1002U)
      << "the end of nothing";
  EXPECT_EQ(code_after([](auto& socket) { socket.send(0x89, std::string(126, 'x')); }), 1002U)
      << "a long ping";
}

TEST(HostileSocket, ManyPingsAreAnsweredAndHoldNobodyUp) {
  TestServer test;
  RawSocket socket{test, "/ws/echo/a"};
  for (int i = 0; i < 1000; ++i) socket.send(0x89, "p");
  socket.send(text_frame, "still here");
  int pongs = 0;
  std::string text;
  while ((text = socket.receive()) == "p") ++pongs;
  EXPECT_EQ(text, "still here");
  EXPECT_GE(pongs, 1);
}

TEST(HostileSocket, EndsAreCountedByTheirCode) {
  TestServer test;
  const auto code_after = [&test](const std::function<void(SocketClient&)>& end) {
    const auto before = test.observer.closed.load();
    SocketClient client{test.port, "/ws/echo/a"};
    client.send("x");
    EXPECT_EQ(client.receive(), "x");
    end(client);
    await_until("it is counted", [&] { return test.observer.closed == before + 1; });
    return test.observer.last_code.load();
  };
  EXPECT_EQ(code_after([](auto& client) { client.close(); }), 1000);
  EXPECT_EQ(code_after([](auto& client) { client.hang_up(); }), 1006);
  EXPECT_EQ(code_after([](auto& client) { client.reset(); }), 1006);
  EXPECT_EQ(code_after([](auto& client) { client.send_binary("x"), client.await_close(); }), 1003);
  RawSocket own{test, "/ws/echo/a"};
  own.send(0x88, std::string("\x0F\xA0", 2));  // 4000
  EXPECT_EQ(own.await_close(), 4000U);
  await_until("it is counted", [&] { return test.observer.closed == 5; });
  EXPECT_EQ(test.observer.last_code, 1005) << "a client cannot make series of its own";
}

/// The server's end of the newest socket on /ws/flood.
std::shared_ptr<WebSocket> flooding_end(TestServer& test) {
  std::shared_ptr<WebSocket> socket;
  await_until("the handler has its socket", [&] {
    const std::lock_guard lock{test.api.mutex};
    if (test.api.sockets.empty()) return false;
    socket = test.api.sockets.back();
    return true;
  });
  return socket;
}

/// More than the kernel keeps for a client that does not read, and no event among it.
void fill(WebSocket& socket) {
  const auto text = std::make_shared<const std::string>(std::string(64U << 10U, 'x'));
  for (int i = 0; i < 120; ++i) socket.send_latest("value " + std::to_string(i), text);
}

TEST(HostileSocket, AClientThatTakesNothingIsTold1013WhenItReadsAgain) {
  TestServer test;
  SocketClient client{test.port, "/ws/flood"};
  const auto socket = flooding_end(test);
  fill(*socket);
  EXPECT_FALSE(socket->closed()) << "values alone fill no queue";
  while (!socket->closed()) {
    const auto sent = test.observer.sent.load();
    test.clock.advance(11s);
    await_until("it is given up, or has moved meanwhile",
                [&] { return socket->closed() || test.observer.sent != sent; });
  }
  EXPECT_EQ(client.await_close(), 1013);
  await_until("the socket is counted out", [&] { return test.observer.closed == 1; });
  EXPECT_EQ(test.observer.last_code, 1013);
  EXPECT_GT(test.observer.dropped, 0U);
}

TEST(HostileSocket, VanishingDuringASendIsOnlyItsOwnEnd) {
  TestServer test;
  SocketClient other{test.port, "/ws/echo/a"};
  for (int i = 0; i < 20; ++i) {
    SocketClient client{test.port, "/ws/flood"};
    await_until("the handler has its socket", [&] {
      const std::lock_guard lock{test.api.mutex};
      return test.api.sockets.size() == static_cast<std::size_t>(i) + 1;
    });
    fill(*flooding_end(test));
    i % 2 == 0 ? client.reset() : client.hang_up();
  }
  await_until("all are counted out", [&] { return test.observer.closed == 20; });
  other.send("x");
  EXPECT_EQ(other.receive(), "x");
}

TEST(HostileSocket, ValuesThatANewerOneReplacedAreCounted) {
  TestServer test;
  SocketClient client{test.port, "/ws/flood"};
  const auto socket = flooding_end(test);
  fill(*socket);
  fill(*socket);
  await_until("some were replaced", [&] { return test.observer.replaced > 0; });
  EXPECT_EQ(test.observer.dropped, 0U);
}

TEST(RefusedSocket, ThatComesAgainAndAgainIsHeldBeforeItIsTold) {
  TestServer test{{}, {}, true};
  for (int i = 0; i < Unwelcome::told_at_once; ++i) {
    SocketClient client{test.port, "/ws/flood?token=bad"};
    EXPECT_EQ(client.await_close(), 4401) << "at once: " << i;
  }
  SocketClient held{test.port, "/ws/flood"};
  held.send("nobody hears this");
  SocketClient good{test.port, "/ws/echo/a?token=viewer"};
  good.send("x");
  EXPECT_EQ(good.receive(), "x") << "who may be here does not wait";
  test.clock.advance(1s);
  EXPECT_EQ(held.await_close(), 4401);
  EXPECT_EQ(held.close_reason(), "Missing authentication token");
  EXPECT_EQ(test.observer.opened, 1U);
}

TEST(RefusedSocket, ThatIsHeldEndsWithItsClientAndWithTheServer) {
  TestServer test{{}, {}, true};
  for (int i = 0; i < Unwelcome::told_at_once; ++i) {
    SocketClient client{test.port, "/ws/flood"};
    client.await_close();
  }
  SocketClient gone{test.port, "/ws/flood"};
  gone.hang_up();
  await_until("it is gone", [&] { return test.observer.connections == 0; });
  SocketClient held{test.port, "/ws/flood"};
  auto stopping = std::async(std::launch::async, [&] { test.stop(); });
  EXPECT_EQ(held.await_close(), 1001);
  stopping.get();
}

TEST(Unwelcome, WaitsLongerEachTimeUpToTenSeconds) {
  Unwelcome unwelcome;
  const auto now = Uptime{1h};
  std::vector<std::chrono::nanoseconds> waits;
  for (int i = 0; i < 12; ++i) waits.push_back(unwelcome.hold("192.0.2.1", now));
  EXPECT_EQ(
      waits,
      (std::vector<std::chrono::nanoseconds>{0s, 0s, 0s, 0s, 0s, 1s, 2s, 4s, 8s, 10s, 10s, 10s}));
  EXPECT_EQ(unwelcome.hold("192.0.2.2", now), 0s) << "another address";
  EXPECT_EQ(unwelcome.hold("192.0.2.1", now + 60s), 10s);
  EXPECT_EQ(unwelcome.hold("192.0.2.1", now + 121s), 0s) << "a minute of peace";
}

TEST(Unwelcome, HoldsAndRemembersABoundedNumber) {
  Unwelcome unwelcome;
  const auto now = Uptime{1h};
  std::size_t held = 0;
  for (std::size_t i = 0; i < 2 * Unwelcome::most_held; ++i) {
    if (unwelcome.hold("192.0.2.1", now) > 0s) ++held;
  }
  EXPECT_EQ(held, Unwelcome::most_held);
  unwelcome.released();
  EXPECT_EQ(unwelcome.hold("192.0.2.1", now), 10s);
  for (std::size_t i = 0; i < 2 * Unwelcome::most_addresses; ++i) {
    EXPECT_EQ(unwelcome.hold(std::to_string(i), now), 0s);
  }
}

}  // namespace
}  // namespace portoser::http
