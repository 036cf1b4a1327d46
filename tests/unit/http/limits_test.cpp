#include "controller/http/request_parser.h"
#include "tests/unit/http/test_server.h"

#include <gtest/gtest.h>

namespace portoser::http {
namespace {

using namespace std::chrono_literals;

Json body_of(const test::HttpAnswer& answer) {
  return Json::parse(answer.body);
}

TEST(HttpLimits, AHeaderTooLargeIs431) {
  TestServer test;
  HttpClient client{test.port};
  client.send_raw("GET /ping HTTP/1.1\r\nHost: x\r\nX-Long: " + std::string(17'000, 'x'));
  const auto answer = client.read();
  EXPECT_EQ(answer.status, 431U);
  EXPECT_EQ(body_of(answer)["code"], "HEADERS_TOO_LARGE");
  EXPECT_TRUE(client.is_closed_by_server());
}

TEST(HttpLimits, AHeaderJustBelowTheLimitIsRead) {
  TestServer test;
  HttpClient client{test.port};
  EXPECT_EQ(client.get("/ping", {{"X-Long", std::string(15'000, 'x')}}).status, 200U);
}

TEST(HttpLimits, AnAnnouncedBodyTooLargeIs413WithoutBeingRead) {
  TestServer test;
  HttpClient client{test.port};
  client.send_raw("POST /api/services/a/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n");
  const auto answer = client.read();
  EXPECT_EQ(answer.status, 413U);
  EXPECT_EQ(answer.header("Connection"), "close");
  EXPECT_EQ(body_of(answer)["where"], "body");
}

TEST(HttpLimits, AClientThatGoesOnSendingStillGetsThe413) {
  TestServer test;
  HttpClient client{test.port};
  const std::string body(2U << 20U, 'x');
  const auto answer = client.post("/api/services/a/echo", body);
  EXPECT_EQ(answer.status, 413U);
}

TEST(HttpLimits, AChunkedBodyTooLargeIs413) {
  TestServer test;
  HttpClient client{test.port};
  client.send_raw(
      "POST /api/services/a/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 3; ++i) client.send_raw("190\r\n" + std::string(400, ' ') + "\r\n");
  EXPECT_EQ(client.read().status, 413U);
}

TEST(HttpLimits, ABodyOfExactlyTheLimitIsTaken) {
  TestServer test;
  HttpClient client{test.port};
  std::string body = R"({"text":"x"})";
  body.append(1000 - body.size(), ' ');
  EXPECT_EQ(client.post("/api/services/a/echo", body).status, 200U);
}

TEST(HttpLimits, AChunkedBodyIsJoinedAndItsTrailersAreNoHeaders) {
  TestServer test{{}, {}, true};
  HttpClient client{test.port};
  client.send_raw(
      "POST /api/services/a/echo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer operator\r\n"
      "Transfer-Encoding: chunked\r\n\r\n");
  client.send_raw("9;name=value\r\n{\"text\":\"\r\n");
  client.send_raw("6\r\nabcd\"}\r\n0\r\nAuthorization: Bearer admin\r\n\r\n");
  const auto answer = client.read();
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(body_of(answer)["text"], "abcd");
  EXPECT_EQ(body_of(answer)["user"], "operator");
  EXPECT_EQ(client.get("/ping").status, 200U);
}

TEST(HttpLimits, ALargeBodyWithinTheRoutesOwnLimitIsTaken) {
  TestServer test;
  HttpClient client{test.port};
  const auto body = "\"" + std::string(3U << 20U, 'x') + "\"";
  EXPECT_EQ(body_of(client.post("/api/size", body))["bytes"], body.size());
}

TEST(HttpLimits, SaysContinueToWhoAsksAndOnlyWhenTheBodyIsWanted) {
  TestServer test{{}, {}, true};
  HttpClient client{test.port};
  const std::string head =
      "POST /api/services/a/echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
      "Content-Length: 2\r\n";
  client.send_raw(head + "Authorization: Bearer operator\r\n\r\n");
  EXPECT_EQ(client.read_raw(), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send_raw("{}");
  EXPECT_EQ(client.read().status, 200U);
  client.send_raw(head + "Authorization: Bearer viewer\r\n\r\n");
  EXPECT_EQ(client.read().status, 403U);
}

TEST(HttpLimits, PipelinedRequestsAreAnsweredInOrder) {
  TestServer test;
  HttpClient client{test.port};
  client.send_raw(
      "GET /api/services/one HTTP/1.1\r\nHost: x\r\n\r\n"
      "POST /api/services/two/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
      "GET /api/services/three HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(body_of(client.read())["service"], "one");
  EXPECT_EQ(body_of(client.read())["service"], "two");
  EXPECT_EQ(body_of(client.read())["service"], "three");
  EXPECT_TRUE(client.is_closed_by_server());
}

TEST(HttpLimits, ABlankLineBeforeARequestMayComeInTwoPieces) {
  const std::string text = "\r\n\r\nGET /api HTTP/1.1\r\nHost: x\r\n\r\n";
  for (std::size_t first = 1; first < text.size(); ++first) {
    Request request;
    RequestParser parser{request, 1000};
    boost::system::error_code failure;
    const auto used = parser.feed(text.data(), first, failure);
    ASSERT_TRUE(!failure || RequestParser::needs_more(failure)) << first << failure.message();
    EXPECT_EQ(parser.has_begun(), first > 4) << first;
    failure = {};
    parser.feed(text.data() + used, text.size() - used, failure);
    EXPECT_FALSE(failure) << "split at " << first << ": " << failure.message();
    EXPECT_TRUE(parser.is_done()) << "split at " << first;
  }
}

TEST(HttpLimits, ARequestMayComeInSmallPieces) {
  TestServer test;
  HttpClient client{test.port};
  const std::string text =
      "\r\nPOST /api/services/a/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n"
      "{\"text\":\"y\"}";
  for (const char c : text) client.send_raw(std::string(1, c));
  EXPECT_EQ(body_of(client.read())["text"], "y");
}

TEST(HttpLimits, Http10IsClosedAfterTheAnswer) {
  TestServer test;
  HttpClient client{test.port};
  client.send_raw("GET /ping HTTP/1.0\r\n\r\n");
  EXPECT_EQ(client.read().status, 200U);
  EXPECT_TRUE(client.is_closed_by_server());
}

class MalformedHttp : public testing::TestWithParam<std::string> {};

TEST_P(MalformedHttp, Is400WithTheEnvelopeAndClosed) {
  TestServer test;
  HttpClient client{test.port};
  client.send_raw(GetParam());
  const auto answer = client.read();
  EXPECT_EQ(answer.status, 400U);
  EXPECT_EQ(body_of(answer)["code"], "BAD_REQUEST");
  EXPECT_EQ(answer.header("X-Request-ID").size(), 36U);
}

INSTANTIATE_TEST_SUITE_P(
    All,
    MalformedHttp,
    testing::Values("hello\r\n\r\n",
                    "GET / HTTP/9.9\r\nHost: x\r\n\r\n",
                    "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
                    "GET /ping HTTP/1.1\r\nHost x\r\n\r\n",
                    "GET /ping HTTP/1.1\r\nHost: x\r\nBad\x01Name: 1\r\n\r\n",
                    "GET /ping HTTP/1.1\r\n\r\n",
                    "GET ping HTTP/1.1\r\nHost: x\r\n\r\n",
                    "CONNECT box:1 HTTP/1.1\r\nHost: x\r\n\r\n",
                    "POST /api/services/a/echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
                    "POST /api/services/a/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
                    "Content-Length: 2\r\n\r\nab",
                    "POST /api/services/a/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                    "POST /api/services/a/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n"
                    "\r\n",
                    "POST /api/services/a/echo HTTP/1.1\r\nHost: x\r\n"
                    "Transfer-Encoding: chunked\r\n\r\nzz\r\n"));

TEST(HttpTimeouts, AHeaderThatDoesNotEndIs408) {
  TestServer test;
  HttpClient client{test.port};
  // The second request comes with the first, so the server has its beginning when it answers.
  client.send_raw("GET /ping HTTP/1.1\r\nHost: x\r\n\r\nGET /ping HTTP/1.1\r\nHost: ");
  EXPECT_EQ(client.read().status, 200U);
  const PassingTime time{test.clock, 16s};
  const auto answer = client.read();
  EXPECT_EQ(answer.status, 408U);
  EXPECT_EQ(body_of(answer)["code"], "REQUEST_TIMEOUT");
}

TEST(HttpTimeouts, ABodyThatDoesNotEndIs408) {
  TestServer test;
  HttpClient client{test.port};
  client.send_raw(
      "POST /api/services/a/echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
      "Content-Length: 20\r\n\r\n");
  EXPECT_EQ(client.read_raw(), "HTTP/1.1 100 Continue\r\n\r\n");  // now the body's time runs
  client.send_raw("{");
  test.clock.advance(61s);
  const auto answer = client.read();
  EXPECT_EQ(answer.status, 408U);
  EXPECT_EQ(body_of(answer)["code"], "REQUEST_TIMEOUT");
}

TEST(HttpTimeouts, AnIdleConnectionIsClosedAfterItsTimeAndNotBefore) {
  TestServer test;
  HttpClient client{test.port};
  EXPECT_EQ(client.get("/ping").status, 200U);
  test.clock.advance(50s);
  EXPECT_EQ(client.get("/ping").status, 200U);
  const PassingTime time{test.clock, 80s};
  EXPECT_TRUE(client.is_closed_by_server());
  EXPECT_EQ(test.observer.too_slow, 0U) << "it was served and had nothing more to ask";
}

TEST(HttpTimeouts, AConnectionThatSaysNothingIsClosed) {
  TestServer test;
  HttpClient silent{test.port};
  const PassingTime time{test.clock, 16s};
  EXPECT_TRUE(silent.is_closed_by_server());
  EXPECT_EQ(test.observer.too_slow, 1U);
}

TEST(HttpLimits, MoreConnectionsThanAllowedAreTold503) {
  ListenerSettings listener;
  listener.max_connections = 1;
  TestServer test{{}, listener};
  HttpClient first{test.port};
  EXPECT_EQ(first.get("/ping").status, 200U);
  HttpClient second{test.port};
  EXPECT_EQ(second.read().status, 503U);
  EXPECT_EQ(test.observer.too_many, 1U);
  first.hang_up();
  await_until("the place is free again", [&] {
    try {
      return HttpClient{test.port}.get("/ping").status == 200;
    } catch (const std::exception&) {
      return false;  // refused once more: the server has not seen the end of the first yet
    }
  });
}

}  // namespace
}  // namespace portoser::http
