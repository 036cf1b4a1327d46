#include "controller/http/server.h"

#include "tests/unit/http/test_server.h"

#include <gtest/gtest.h>

namespace portoser::http {
namespace {

Headers as(const std::string& role) {
  return {{"Authorization", "Bearer " + role}};
}

TEST(HttpServer, AnswersSeveralRequestsOnOneConnection) {
  TestServer test;
  HttpClient client{test.port};
  EXPECT_EQ(client.get("/ping").body, R"({"status":"ok"})");
  EXPECT_EQ(client.get("/api/shared").body, R"({"shared":true})");
  const auto answer = client.post("/api/services/gitea/echo", R"({"text":"ab","times":2})");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.body, R"({"text":"abab","service":"gitea","user":"dev"})");
  EXPECT_EQ(answer.header("Content-Type"), "application/json");
  EXPECT_EQ(answer.header("Connection"), "keep-alive");
}

TEST(HttpServer, HandsPathAndQueryToTheHandlerDecoded) {
  TestServer test;
  HttpClient client{test.port};
  EXPECT_EQ(client.get("/api/services/a%20b?tail=5&force&q=x%26y+z").body,
            R"({"service":"a b","tail":5,"force":true,"query":"x&y z"})");
  EXPECT_EQ(client.get("/api/services/a?tail=0").status, 422U);
  EXPECT_EQ(client.get("/api/services/a%2fb").status, 404U);
}

TEST(HttpServer, RefusesAWordThatTheParameterDoesNotKnow) {
  TestServer test{{}, {}, true};
  HttpClient client{test.port};
  EXPECT_EQ(client.get("/api/services/a?order=newest", as("viewer")).status, 200U);
  for (const auto* target : {"/api/services/a?order=up%0a", "/api/services/a?order"}) {
    const auto answer = client.get(target, as("viewer"));
    EXPECT_EQ(answer.status, 400U) << target;
    const auto body = Json::parse(answer.body);
    EXPECT_EQ(body["where"], "query.order") << target;
    EXPECT_NE(body["message"].get<std::string>().find("Valid values: oldest, newest"),
              std::string::npos)
        << body;
  }
  EXPECT_EQ(client.get("/api/services/a?order=up").status, 401U) << "who asks is asked first";
}

TEST(HttpServer, TreatsAnAbsentBodyAndNullAsAnEmptyObject) {
  TestServer test;
  HttpClient client{test.port};
  for (const auto* body : {"", "null", "{}"}) {
    EXPECT_EQ(Json::parse(client.post("/api/services/a/echo", body).body)["text"], "nothing");
  }
}

TEST(HttpServer, NamesWhatIsWrongWithABody) {
  TestServer test;
  HttpClient client{test.port};
  const auto malformed = client.post("/api/services/a/echo", "{\"text\":");
  EXPECT_EQ(malformed.status, 400U);
  EXPECT_NE(malformed.body.find("line 1"), std::string::npos);
  EXPECT_EQ(client.post("/api/services/a/echo", "[1]").status, 400U);
  const auto wrong = client.post("/api/services/a/echo", R"({"times":"two"})");
  EXPECT_EQ(wrong.status, 422U);
  EXPECT_EQ(Json::parse(wrong.body)["where"], "body.times");
}

TEST(HttpServer, EveryAnswerCarriesIdTimeAndSecurityHeaders) {
  TestServer test;
  HttpClient client{test.port};
  for (const auto* target : {"/ping", "/nowhere", "/api/fail/crash", "/api/services/"}) {
    const auto answer = client.get(target);
    EXPECT_EQ(answer.header("X-Request-ID").size(), 36U) << target;
    EXPECT_EQ(answer.header("X-Process-Time"), "0.00") << target;
    EXPECT_EQ(answer.header("X-Content-Type-Options"), "nosniff") << target;
    EXPECT_EQ(answer.header("X-Frame-Options"), "SAMEORIGIN") << target;
    EXPECT_NE(answer.header("Content-Security-Policy").find("default-src 'self'"),
              std::string::npos);
    EXPECT_FALSE(answer.has_header("Strict-Transport-Security"));
    EXPECT_FALSE(answer.has_header("Server"));
    EXPECT_EQ(answer.header("Date"), "Fri, 20 Dec 2019 00:00:00 GMT");
  }
  EXPECT_NE(client.get("/ping").header("X-Request-ID"), client.get("/ping").header("X-Request-ID"));
}

TEST(HttpServer, SendsHstsAndMoreSourcesWhenAskedTo) {
  ServerSettings settings;
  settings.head.hsts = true;
  settings.head.connect_sources = "https://id.example";
  TestServer test{settings};
  const auto answer = HttpClient{test.port}.get("/ping");
  EXPECT_TRUE(answer.has_header("Strict-Transport-Security"));
  EXPECT_NE(answer.header("Content-Security-Policy").find("ws: wss: https://id.example;"),
            std::string::npos);
}

TEST(HttpServer, WrongMethodIs405WithAllow) {
  TestServer test;
  HttpClient client{test.port};
  for (const auto* method : {"PUT", "PATCH", "BREW"}) {
    const auto answer = client.request(method, "/api/services/a");
    EXPECT_EQ(answer.status, 405U) << method;
    EXPECT_EQ(answer.header("Allow"), "GET, HEAD, DELETE");
    EXPECT_EQ(Json::parse(answer.body)["code"], "METHOD_NOT_ALLOWED");
  }
}

TEST(HttpServer, HeadHasTheHeaderOfGetAndNoBody) {
  TestServer test;
  HttpClient client{test.port};
  const auto head = client.request("HEAD", "/api/shared");
  EXPECT_EQ(head.status, 200U);
  EXPECT_EQ(head.header("Content-Length"), "15");
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(client.get("/ping").status, 200U);  // nothing was left on the connection
}

TEST(HttpServer, NothingReturnedIs204WithoutBody) {
  TestServer test;
  HttpClient client{test.port};
  const auto answer = client.request("DELETE", "/api/services/a");
  EXPECT_EQ(answer.status, 204U);
  EXPECT_FALSE(answer.has_header("Content-Length"));
  EXPECT_EQ(client.get("/ping").status, 200U);
}

TEST(HttpServer, RedirectsATrailingSlash) {
  TestServer test;
  const auto answer = HttpClient{test.port}.get("/api/services/a/?tail=3");
  EXPECT_EQ(answer.status, 307U);
  EXPECT_EQ(answer.header("Location"), "/api/services/a?tail=3");
}

TEST(HttpServer, KeepsTheTextOfAHandlersNotFound) {
  TestServer test;
  HttpClient client{test.port};
  EXPECT_EQ(Json::parse(client.get("/api/fail/x").body)["error"]["message"],
            "no service named \"x\"");
  const auto nowhere = Json::parse(client.get("/nowhere").body);
  EXPECT_EQ(nowhere["message"], "there is nothing at /nowhere");
  EXPECT_EQ(nowhere["error"]["path"], "/nowhere");
  EXPECT_EQ(client.get("/api/fail/busy").header("Retry-After"), "30");
}

TEST(HttpServer, HidesTheTextOfACrash) {
  TestServer test;
  const auto answer = HttpClient{test.port}.get("/api/fail/crash");
  EXPECT_EQ(answer.status, 500U);
  EXPECT_EQ(answer.body.find("secret"), std::string::npos);
  EXPECT_NE(answer.body.find(answer.header("X-Request-ID")), std::string::npos);
}

TEST(HttpServer, AsksForTheRoleOfTheRoute) {
  TestServer test{{}, {}, true};
  HttpClient client{test.port};
  EXPECT_EQ(client.get("/ping").status, 200U);
  const auto anonymous = client.get("/api/shared");
  EXPECT_EQ(anonymous.status, 401U);
  EXPECT_EQ(anonymous.header("WWW-Authenticate"), "Bearer");
  EXPECT_EQ(Json::parse(anonymous.body)["detail"], "Missing authentication token");
  EXPECT_EQ(client.get("/api/shared", as("bad")).status, 401U);
  EXPECT_EQ(client.get("/api/shared", as("viewer")).status, 200U);
  EXPECT_EQ(client.get("/api/shared?token=viewer").status, 401U);
}

TEST(HttpServer, ARefusedBodyIsNotReadAndRefusalsAreAudited) {
  TestServer test{{}, {}, true};
  HttpClient client{test.port};
  const auto refused = client.post("/api/services/a/echo?secret=1", "{}", as("viewer"));
  EXPECT_EQ(refused.status, 403U);
  EXPECT_EQ(refused.header("Connection"), "close");
  HttpClient again{test.port};
  EXPECT_EQ(again.post("/api/services/a/echo", "{}", as("operator")).status, 200U);
  again.get("/api/shared", as("viewer"));
  again.get("/api/shared");
  const auto entries = test.audit.entries();
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].user, "sub-viewer");
  EXPECT_EQ(entries[0].status, 403U);
  EXPECT_EQ(entries[0].reason, "FORBIDDEN");
  EXPECT_EQ(entries[0].path, "/api/services/a/echo");
  EXPECT_EQ(entries[0].remote, "127.0.0.1");
  EXPECT_EQ(entries[0].request_id, refused.header("X-Request-ID"));
  EXPECT_EQ(entries[1].user_name, "operator");
  EXPECT_EQ(entries[1].status, 200U);
  EXPECT_EQ(entries[2].user, "");
  EXPECT_EQ(entries[2].status, 401U);
}

TEST(HttpServer, TellsTheObserverTheTemplateOfTheRoute) {
  TestServer test;
  HttpClient client{test.port};
  client.get("/api/services/gitea");
  client.get("/nowhere");
  const std::vector<std::string> expected{"GET /api/services/{service} 200", "GET unmatched 404"};
  EXPECT_EQ(test.observer.requests(), expected);
}

class HttpCors : public testing::Test {
 protected:
  static ServerSettings settings() {
    ServerSettings made;
    made.allowed_origins = {"https://ui.example"};
    return made;
  }
  TestServer test_{settings(), {}, true};
  HttpClient client_{test_.port};
};

TEST_F(HttpCors, AnswersAPreflightWithoutAToken) {
  const auto answer = client_.request("OPTIONS",
                                      "/api/services/a/echo",
                                      {},
                                      {{"Origin", "https://ui.example"},
                                       {"Access-Control-Request-Method", "POST"},
                                       {"Access-Control-Request-Headers", "authorization"}});
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.header("Access-Control-Allow-Origin"), "https://ui.example");
  EXPECT_EQ(answer.header("Access-Control-Allow-Credentials"), "true");
  EXPECT_EQ(answer.header("Access-Control-Allow-Headers"), "authorization");
  EXPECT_NE(answer.header("Access-Control-Allow-Methods").find("DELETE"), std::string::npos);
}

TEST_F(HttpCors, RefusesThePreflightOfAForeignPage) {
  const auto answer = client_.request(
      "OPTIONS",
      "/api/shared",
      {},
      {{"Origin", "https://evil.example"}, {"Access-Control-Request-Method", "GET"}});
  EXPECT_EQ(answer.status, 403U);
  EXPECT_FALSE(answer.has_header("Access-Control-Allow-Origin"));
}

TEST_F(HttpCors, ErrorsCarryTheHeadersToo) {
  const auto answer = client_.get("/api/shared", {{"Origin", "https://ui.example"}});
  EXPECT_EQ(answer.status, 401U);
  EXPECT_EQ(answer.header("Access-Control-Allow-Origin"), "https://ui.example");
  EXPECT_EQ(answer.header("Vary"), "Origin");
  EXPECT_EQ(answer.header("X-Request-ID").size(), 36U);
}

TEST_F(HttpCors, AWriteOfAForeignPageNeedsATokenInTheHeader) {
  TestServer open{settings()};
  const Headers evil{{"Origin", "https://evil.example"}};
  const auto refused = HttpClient{open.port}.post("/api/services/a/echo", "{}", evil);
  EXPECT_EQ(refused.status, 403U);
  EXPECT_EQ(Json::parse(refused.body)["code"], "ORIGIN_NOT_ALLOWED");
  const Headers ours{{"Origin", "http://127.0.0.1"}};
  EXPECT_EQ(HttpClient{open.port}.post("/api/services/a/echo", "{}", ours).status, 200U);
}

TEST(HttpServer, OptionsWithoutAnOriginListsTheMethods) {
  TestServer test;
  const auto answer = HttpClient{test.port}.request("OPTIONS", "/api/services/a");
  EXPECT_EQ(answer.status, 204U);
  EXPECT_EQ(answer.header("Allow"), "GET, HEAD, DELETE, OPTIONS");
}

TEST(HttpServer, ALongHandlerOutlivesAllTimeouts) {
  TestServer test;
  HttpClient client{test.port};
  client.send_raw("GET /api/slow HTTP/1.1\r\nHost: x\r\n\r\n");
  await_until("the handler has started", [&] { return test.api.slow_started == 1; });
  test.clock.advance(std::chrono::hours{1});
  HttpClient{test.port}.get("/ping");  // the server has had its sweeps meanwhile
  test.api.may_finish = true;
  const auto answer = client.read();
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.body, R"({"path":"/api/slow"})");
  EXPECT_EQ(answer.header("X-Process-Time"), "3600000.00");
}

TEST(HttpServer, AHandlerGoesOnWhenItsClientHangsUp) {
  TestServer test;
  {
    HttpClient client{test.port};
    client.send_raw("GET /api/slow HTTP/1.1\r\nHost: x\r\n\r\n");
    await_until("the handler has started", [&] { return test.api.slow_started == 1; });
    client.hang_up();
  }
  test.api.may_finish = true;
  await_until("the handler has ended", [&] { return test.api.slow_finished == 1; });
  EXPECT_EQ(HttpClient{test.port}.get("/ping").status, 200U);
}

TEST(HttpServer, TwoListenersServeTheirOwnRouters) {
  TestServer test;
  Router joining;
  TestApi api;
  struct Joining {
    Json join(Call<void> /*call*/) { return Json{{"joined", true}}; }
  } handlers;
  joining.add({.method = Method::post, .path = "/api/v1/devices", .role = Role::public_},
              handlers,
              &Joining::join);
  const auto port = test.server.listen({}, joining);
  EXPECT_NE(port, test.port);
  EXPECT_EQ(HttpClient{port}.post("/api/v1/devices", "").status, 200U);
  EXPECT_EQ(HttpClient{port}.get("/ping").status, 404U);
  EXPECT_EQ(HttpClient{test.port}.post("/api/v1/devices", "").status, 404U);
  test.stop();
}

TEST(HttpServer, APortThatIsTakenIsNamedWithWhatToDo) {
  TestServer test;
  Router router;
  ListenerSettings settings;
  settings.port = test.port;
  settings.port_setting = "BACKEND_PORT";
  try {
    test.server.listen(settings, router);
    FAIL() << "the port was taken twice";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::unavailable);
    EXPECT_NE(error.message().find("127.0.0.1:" + std::to_string(test.port)), std::string::npos);
    EXPECT_NE(error.hint().find("BACKEND_PORT"), std::string::npos);
  }
  settings.address = "somewhere";
  EXPECT_THROW(test.server.listen(settings, router), Error);
}

TEST(HttpServer, StopLetsARunningRequestEndAndClosesIdleConnections) {
  TestServer test;
  HttpClient idle{test.port};
  EXPECT_EQ(idle.get("/ping").status, 200U);
  HttpClient busy{test.port};
  busy.send_raw("GET /api/slow HTTP/1.1\r\nHost: x\r\n\r\n");
  await_until("the handler has started", [&] { return test.api.slow_started == 1; });
  auto stopping = std::async(std::launch::async, [&] { test.stop(); });
  EXPECT_TRUE(idle.is_closed_by_server());
  test.api.may_finish = true;
  const auto answer = busy.read();
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.header("Connection"), "close");
  stopping.get();
  EXPECT_THROW(HttpClient{test.port}, std::exception);
}

TEST(HttpServer, StopCutsWhatOutlastsTheGrace) {
  ServerSettings settings;
  settings.stop_grace = std::chrono::milliseconds{30};
  TestServer test{settings};
  HttpClient busy{test.port};
  busy.send_raw("GET /api/slow HTTP/1.1\r\nHost: x\r\n\r\n");
  await_until("the handler has started", [&] { return test.api.slow_started == 1; });
  test.stop();
  EXPECT_TRUE(busy.is_closed_by_server());
}

}  // namespace
}  // namespace portoser::http
