#include "controller/http/router.h"

#include <gtest/gtest.h>

namespace portoser::http {
namespace {

struct SocketHandler {
  asio::awaitable<void> run(std::shared_ptr<WebSocket> /*socket*/) { co_return; }
};

struct ResponseHandler {
  Response run(Call<void> /*call*/) { return {}; }
};

class RouterTest : public testing::Test {
 protected:
  Json answer(Call<void> /*call*/) { return Json::object(); }
  void add(Method method, std::string path) {
    Route route;
    route.method = method;
    route.path = std::move(path);
    router_.add(std::move(route), *this, &RouterTest::answer);
  }
  /// The template of what was found, "" for nothing.
  std::string find(Method method, std::string_view target, bool as_socket = false) {
    Request request;
    request.method = method;
    request.set_target(target);
    request.wants_socket = as_socket;
    router_.find(request, match_);
    return match_.endpoint == nullptr ? "" : match_.endpoint->route.path;
  }
  Router router_;
  Match match_;
};

TEST_F(RouterTest, PutsLiteralsBeforeParametersAndGoesBackWhenTheyLeadNowhere) {
  add(Method::get, "/api/{kind}/status");
  add(Method::get, "/api/workers/{id}");
  add(Method::get, "/api/workers/status");
  EXPECT_EQ(find(Method::get, "/api/workers/status"), "/api/workers/status");
  EXPECT_EQ(find(Method::get, "/api/workers/7"), "/api/workers/{id}");
  EXPECT_EQ(find(Method::get, "/api/cache/status"), "/api/{kind}/status");
  EXPECT_EQ(match_.values, std::vector<std::string>{"cache"});
  EXPECT_EQ(find(Method::get, "/api/workers"), "");
}

TEST_F(RouterTest, ALiteralWithAnotherMethodDoesNotHideAParameter) {
  add(Method::get, "/api/services/health");
  add(Method::delete_, "/api/services/{service}");
  EXPECT_EQ(find(Method::delete_, "/api/services/health"), "/api/services/{service}");
  EXPECT_EQ(match_.values, std::vector<std::string>{"health"});
}

TEST_F(RouterTest, DecodesEachSegmentByItself) {
  add(Method::get, "/api/{a}/{b}");
  EXPECT_EQ(find(Method::get, "/api/one%20two/t%c3%bcr"), "/api/{a}/{b}");
  EXPECT_EQ(match_.values, (std::vector<std::string>{"one two", "t\xc3\xbcr"}));
  EXPECT_EQ(find(Method::get, "/api/a+b/c"), "/api/{a}/{b}");
  EXPECT_EQ(match_.values.front(), "a+b");
}

TEST_F(RouterTest, FindsNothingForASlashOrNulInsideASegment) {
  add(Method::get, "/api/{a}");
  EXPECT_EQ(find(Method::get, "/api/a%2fb"), "");
  EXPECT_EQ(find(Method::get, "/api/a%00"), "");
  EXPECT_EQ(find(Method::get, "/api/..%2f..%2fx"), "");
  EXPECT_TRUE(match_.allow.empty());
}

TEST_F(RouterTest, RefusesMalformedPercentEncoding) {
  add(Method::get, "/api/{a}");
  for (const auto* target : {"/api/%", "/api/%4", "/api/%zz"}) {
    EXPECT_THROW(find(Method::get, target), Error) << target;
  }
}

TEST_F(RouterTest, AParameterIsNeverEmpty) {
  add(Method::get, "/api/{a}/x");
  EXPECT_EQ(find(Method::get, "/api//x"), "");
}

TEST_F(RouterTest, RedirectsATrailingSlashOnlyToWhatIsThere) {
  add(Method::get, "/api/services");
  EXPECT_EQ(find(Method::get, "/api/services/?a=b"), "");
  EXPECT_EQ(match_.redirect, "/api/services?a=b");
  EXPECT_EQ(find(Method::post, "/api/services/"), "");
  EXPECT_EQ(match_.redirect, "/api/services");
  find(Method::get, "/api/other/");
  EXPECT_EQ(match_.redirect, "");
  find(Method::get, "//other.host/");
  EXPECT_EQ(match_.redirect, "");
}

TEST_F(RouterTest, ListsTheMethodsOfThePath) {
  add(Method::get, "/api/services/{a}");
  add(Method::post, "/api/services/{b}");
  EXPECT_EQ(find(Method::put, "/api/services/x"), "");
  EXPECT_EQ(match_.allow, "GET, HEAD, POST");
}

TEST_F(RouterTest, FindsTheGetForAHead) {
  add(Method::get, "/ping");
  EXPECT_EQ(find(Method::head, "/ping"), "/ping");
}

TEST_F(RouterTest, ASocketAndAGetMayShareAPath) {
  add(Method::get, "/api/stream");
  SocketHandler handler;
  router_.add_socket({.path = "/api/stream"}, handler, &SocketHandler::run);
  EXPECT_EQ(find(Method::get, "/api/stream", true), "/api/stream");
  EXPECT_TRUE(match_.endpoint->socket);
  EXPECT_EQ(find(Method::get, "/api/stream"), "/api/stream");
  EXPECT_FALSE(match_.endpoint->socket);
}

TEST_F(RouterTest, ARouteThatIsThereTwiceIsRefusedWhateverItsParametersAreCalled) {
  add(Method::get, "/api/{a}");
  add(Method::post, "/api/{a}");
  EXPECT_THROW(add(Method::get, "/api/{b}"), Error);
  EXPECT_THROW(add(Method::get, "api"), Error);
  EXPECT_THROW(add(Method::get, "/api/"), Error);
}

TEST_F(RouterTest, ARouteThatDoesNotSayWhatItAnswersIsRefused) {
  ResponseHandler handler;
  const auto add_by_hand = [&](std::string path, std::string text_type, unsigned status) {
    Route route;
    route.path = std::move(path);
    route.text_type = std::move(text_type);
    route.success_status = status;
    router_.add<void>(std::move(route), handler, &ResponseHandler::run);
  };
  EXPECT_THROW(add_by_hand("/page", "", 200), Error);
  EXPECT_NO_THROW(add_by_hand("/page", "text/plain", 200));
  EXPECT_NO_THROW(add_by_hand("/nothing", "", 204));
  Route typed;
  typed.path = "/either";
  router_.add<std::variant<int, std::string>>(std::move(typed), handler, &ResponseHandler::run);
  EXPECT_EQ(router_.endpoints().back()->response_schema,
            (Json{{"anyOf", {{{"type", "integer"}}, {{"type", "string"}}}}}));
}

TEST(HttpBody, IsAnEmptyObjectWhenAbsentBlankOrNull) {
  for (const auto* text : {"", "  \r\n", "null", " null "}) {
    EXPECT_EQ(parse_object_body(text), Json::object()) << text;
  }
}

TEST(HttpBody, NamesLineAndColumnOfASyntaxError) {
  try {
    parse_object_body("{\n  \"a\": 1,\n  oops\n}");
    FAIL() << "was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::bad_request);
    EXPECT_EQ(error.where(), "body");
    EXPECT_NE(error.message().find("line 3, column 3"), std::string::npos) << error.message();
  }
}

TEST(HttpBody, MustBeAnObject) {
  for (const auto* text : {"[1]", "\"x\"", "7", "true"}) {
    try {
      parse_object_body(text);
      ADD_FAILURE() << text << " was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::bad_request);
      EXPECT_NE(error.message().find("line 1, column 1"), std::string::npos) << error.message();
    }
  }
  EXPECT_EQ(parse_body("[1]"), Json::array({1}));
}

TEST(HttpBody, RefusesToNestBeyondMeasure) {
  EXPECT_THROW(parse_body(std::string(200'000, '[')), Error);
  EXPECT_NO_THROW(parse_body(std::string(50, '[') + std::string(50, ']')));
}

TEST(HttpBody, WithANumberThatIsTooLargeIsABadRequest) {
  for (const auto* text : {R"({"cpu_cores": 1e999})", R"([-1E400])"}) {
    try {
      parse_body(text);
      FAIL() << text << " was taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::bad_request);
      EXPECT_EQ(error.where(), "body");
    }
  }
}

}  // namespace
}  // namespace portoser::http
