#include "controller/http/websocket.h"

#include "tests/unit/http/test_server.h"

#include <gtest/gtest.h>

namespace portoser::http {
namespace {

using namespace std::chrono_literals;

/// The server's end of the only socket on /ws/flood.
std::shared_ptr<WebSocket> other_end(TestServer& test) {
  std::shared_ptr<WebSocket> socket;
  await_until("the handler has its socket", [&] {
    const std::lock_guard lock{test.api.mutex};
    if (test.api.sockets.empty()) return false;
    socket = test.api.sockets.back();
    return true;
  });
  return socket;
}

TEST(HttpWebSocket, CarriesTextBothWays) {
  TestServer test;
  SocketClient client{test.port, "/ws/echo/a%20b"};
  client.send("one");
  client.send("two");
  EXPECT_EQ(client.receive(), "one");
  EXPECT_EQ(client.receive(), "two");
  client.close();
  await_until("the handler has ended", [&] { return test.api.sockets_done == 1; });
  await_until("the socket is counted out", [&] { return test.observer.closed == 1; });
  EXPECT_EQ(test.observer.opened, 1U);
  EXPECT_EQ(test.observer.sent, 2U);
  EXPECT_EQ(test.observer.requests().front(), "GET /ws/echo/{name} 101");
}

TEST(HttpWebSocket, AWordThatTheParameterDoesNotKnowEndsIt) {
  TestServer test;
  SocketClient client{test.port, "/ws/flood?pace=fast"};
  EXPECT_EQ(client.await_close(), 1008);
  EXPECT_NE(client.close_reason().find("Valid values: slow"), std::string::npos);
}

TEST(HttpWebSocket, AHandlerLearnsOfAClientThatVanished) {
  TestServer test;
  SocketClient client{test.port, "/ws/echo/a"};
  client.hang_up();
  await_until("the handler has ended", [&] { return test.api.sockets_done == 1; });
}

TEST(HttpWebSocket, SendsFromAnyThreadAndClosesAfterWhatWasSent) {
  TestServer test;
  SocketClient client{test.port, "/ws/flood"};
  const auto socket = other_end(test);
  socket->send("one");
  socket->send("two");
  socket->close(1000, "done");
  EXPECT_TRUE(socket->closed());
  socket->send("late");
  EXPECT_EQ(client.receive(), "one");
  EXPECT_EQ(client.receive(), "two");
  EXPECT_EQ(client.receive(), std::nullopt);
  EXPECT_EQ(client.await_close(), 1000);
  EXPECT_EQ(client.close_reason(), "done");
}

TEST(HttpWebSocket, AClientThatReadsTooSlowlyIsClosedWith1013) {
  TestServer test;
  SocketClient client{test.port, "/ws/flood"};
  const auto socket = other_end(test);
  const auto frame = std::make_shared<const std::string>(std::string(512U << 10U, 'x'));
  await_until("the queue overflows", [&] {
    socket->send(frame);
    return socket->closed();
  });
  EXPECT_GE(test.observer.dropped, 2U);
  EXPECT_EQ(client.await_close(), 1013);
  await_until("the handler has ended", [&] { return test.api.sockets_done == 1; });
}

TEST(HttpWebSocket, AClientThatNeverReadsIsCutAfterTheWriteTimeout) {
  TestServer test;
  SocketClient client{test.port, "/ws/flood"};
  const auto socket = other_end(test);
  const auto frame = std::make_shared<const std::string>(std::string(512U << 10U, 'x'));
  await_until("the queue overflows", [&] {
    socket->send(frame);
    return socket->closed();
  });
  const PassingTime time{test.clock, 11s};
  await_until("the socket is cut", [&] { return test.observer.closed == 1; });
}

TEST(HttpWebSocket, TheLatestValueReplacesTheOneThatWaits) {
  TestServer test;
  SocketClient client{test.port, "/ws/flood"};
  const auto socket = other_end(test);
  constexpr int last = 5000;  // far more than the queue may hold
  for (int i = 0; i <= last; ++i) {
    socket->send_latest("cpu", std::make_shared<const std::string>(std::to_string(i)));
  }
  int received = -1;
  int frames = 0;
  while (received != last) {
    const auto text = client.receive();
    ASSERT_TRUE(text) << "closed with " << client.await_close();
    EXPECT_GT(std::stoi(*text), received);
    received = std::stoi(*text);
    ++frames;
  }
  EXPECT_LE(frames, last + 1);
  EXPECT_FALSE(socket->closed());
}

TEST(HttpWebSocket, WhoHasMuchToTellWaitsForTheClient) {
  TestServer test;
  SocketClient client{test.port, "/ws/much"};
  for (int i = 0; i < TestApi::much; ++i) {
    ASSERT_TRUE(client.receive()) << i << ": closed with " << client.await_close();
  }
  EXPECT_EQ(client.await_close(), 1000);
  EXPECT_EQ(test.observer.dropped, 0U);
}

TEST(HttpWebSocket, WaitingForAClientEndsWithTheSocket) {
  TestServer test;
  SocketClient client{test.port, "/ws/much"};
  const auto socket = other_end(test);
  client.reset();
  await_until("the handler has ended", [&] { return test.api.sockets_done == 1; });
  SocketClient other{test.port, "/ws/much"};
  await_until("its other end is there", [&] {
    const std::lock_guard lock{test.api.mutex};
    return test.api.sockets.size() == 2;
  });
  test.api.sockets[1]->close(4000, "that is enough");
  await_until("the handler has ended", [&] { return test.api.sockets_done == 2; });
}

TEST(HttpWebSocket, BinaryFramesEndItWith1003) {
  TestServer test;
  SocketClient client{test.port, "/ws/echo/a"};
  client.send_binary("\x01\x02");
  EXPECT_EQ(client.await_close(), 1003);
  await_until("the handler has ended", [&] { return test.api.sockets_done == 1; });
}

TEST(HttpWebSocket, MessagesBeyond64KiBEndItWith1009) {
  TestServer test;
  SocketClient client{test.port, "/ws/echo/a"};
  client.send(std::string(64U << 10U, 'x'));
  EXPECT_EQ(client.receive()->size(), 64U << 10U);
  client.send(std::string((64U << 10U) + 1, 'x'));
  EXPECT_EQ(client.await_close(), 1009);
}

TEST(HttpWebSocket, AManyMessagesWaitForASlowHandlerWithoutLoss) {
  TestServer test;
  SocketClient client{test.port, "/ws/echo/a"};
  for (int i = 0; i < 200; ++i) client.send(std::to_string(i));
  for (int i = 0; i < 200; ++i) ASSERT_EQ(client.receive(), std::to_string(i));
}

TEST(HttpWebSocket, WithoutAValidTokenItOpensAndClosesWith4401) {
  TestServer test{{}, {}, true};
  SocketClient anonymous{test.port, "/ws/flood"};
  EXPECT_EQ(anonymous.await_close(), 4401);
  EXPECT_EQ(anonymous.close_reason(), "Missing authentication token");
  SocketClient bad{test.port, "/ws/flood?token=bad"};
  EXPECT_EQ(bad.await_close(), 4401);
  EXPECT_EQ(test.observer.opened, 0U);
  ASSERT_EQ(test.audit.entries().size(), 2U);
  EXPECT_EQ(test.audit.entries()[0].status, 4401U);
  EXPECT_EQ(test.audit.entries()[0].path, "/ws/flood");
}

TEST(HttpWebSocket, WithoutTheRoleItClosesWith4403) {
  TestServer test{{}, {}, true};
  SocketClient client{test.port, "/ws/admin?access_token=viewer"};
  EXPECT_EQ(client.await_close(), 4403);
}

TEST(HttpWebSocket, EchoesTheSubprotocolThatCarriesTheToken) {
  TestServer test{{}, {}, true};
  SocketClient client{test.port, "/ws/echo/a", {{"Sec-WebSocket-Protocol", "json, bearer.viewer"}}};
  EXPECT_EQ(client.subprotocol(), "bearer.viewer");
  client.send("hello");
  EXPECT_EQ(client.receive(), "hello");
}

TEST(HttpWebSocket, ClosesWith4401WhenTheTokenExpires) {
  TestServer test{{}, {}, true};
  SocketClient client{test.port, "/ws/echo/a?token=short"};
  client.send("still valid");
  EXPECT_EQ(client.receive(), "still valid");
  test.clock.advance(31s);
  EXPECT_EQ(client.await_close(), 4401);
}

TEST(HttpWebSocket, PagesOfAForeignOriginAreRefused) {
  ServerSettings settings;
  settings.allowed_origins = {"https://ui.example"};
  TestServer test{settings};
  const auto open = [&](const std::string& origin) {
    SocketClient client{test.port, "/ws/echo/a", {{"Origin", origin}}};
    client.send("x");
    return client.receive() == "x";
  };
  EXPECT_TRUE(open("https://ui.example"));
  EXPECT_TRUE(open("http://127.0.0.1"));
  EXPECT_THROW(open("https://evil.example"), std::runtime_error);
  EXPECT_THROW(open("null"), std::runtime_error);
}

TEST(HttpWebSocket, APlainGetOfItsPathIs426) {
  TestServer test;
  HttpClient client{test.port};
  const auto answer = client.get("/ws/flood");
  EXPECT_EQ(answer.status, 426U);
  EXPECT_EQ(answer.header("Upgrade"), "websocket");
  // An upgrade that this path does not offer is ignored, as HTTP says.
  const auto plain = client.get("/ping", {{"Connection", "Upgrade"}, {"Upgrade", "websocket"}});
  EXPECT_EQ(plain.status, 200U);
}

TEST(HttpWebSocket, AFailureOfTheHandlerBecomesACloseCode) {
  TestServer test;
  SocketClient client{test.port, "/ws/fail"};
  client.send("go");
  EXPECT_EQ(client.await_close(), 1008);
  EXPECT_EQ(client.close_reason(), "that topic is unknown");
}

TEST(HttpWebSocket, PingsAndGoesOnWhileTheClientAnswers) {
  TestServer test;
  SocketClient client{test.port, "/ws/flood"};
  const auto socket = other_end(test);
  for (std::size_t round = 1; round <= 5; ++round) {
    test.clock.advance(21s);
    // Each sweep that sees 20 s gone sends one ping; the client answers while it reads.
    await_until("a ping has come", [&] {
      socket->send("poke");
      return client.receive() && client.pings() >= round;
    });
    client.send("alive");
  }
  EXPECT_FALSE(socket->closed());
}

TEST(HttpWebSocket, EndsAfterAMinuteWithoutASign) {
  TestServer test;
  SocketClient client{test.port, "/ws/flood"};
  other_end(test);
  const PassingTime time{test.clock, 61s};
  EXPECT_EQ(client.await_close(), 1006);
  await_until("the handler has ended", [&] { return test.api.sockets_done == 1; });
}

TEST(HttpWebSocket, MoreThanAllowedAreClosedWith1013AndPlacesComeBack) {
  ServerSettings settings;
  settings.sockets.max_open_per_user = 1;
  TestServer test{settings};
  SocketClient first{test.port, "/ws/echo/a"};
  first.send("x");
  EXPECT_EQ(first.receive(), "x");
  SocketClient second{test.port, "/ws/echo/a"};
  EXPECT_EQ(second.await_close(), 1013);
  first.close();
  await_until("the place is free", [&] { return test.observer.closed == 1; });
  SocketClient third{test.port, "/ws/echo/a"};
  third.send("y");
  EXPECT_EQ(third.receive(), "y");
}

TEST(HttpWebSocket, StopClosesItWith1001) {
  TestServer test;
  SocketClient client{test.port, "/ws/flood"};
  other_end(test);
  auto stopping = std::async(std::launch::async, [&] { test.stop(); });
  EXPECT_EQ(client.await_close(), 1001);
  stopping.get();
  EXPECT_EQ(test.api.sockets_done, 1);
}

}  // namespace
}  // namespace portoser::http
