#include "controller/http/request.h"

#include "common/error.h"
#include "controller/http/call.h"
#include "controller/http/request_parser.h"

#include <gtest/gtest.h>

namespace portoser::http {
namespace {

Request request_of(std::string_view target) {
  Request request;
  request.set_target(target);
  return request;
}

TEST(HttpRequest, DecodesQueryValuesAndKeepsTheCaseOfNames) {
  const auto request = request_of("/x?a=1%2B1&b=one+two&A=upper&flag&empty=&a=second");
  EXPECT_EQ(request.query("a"), "1+1");
  EXPECT_EQ(request.query("b"), "one two");
  EXPECT_EQ(request.query("A"), "upper");
  EXPECT_EQ(request.query("flag"), "");
  EXPECT_EQ(request.query("empty"), "");
  EXPECT_EQ(request.query("absent"), std::nullopt);
  EXPECT_EQ(request_of("/x").query("a"), std::nullopt);
  EXPECT_EQ(request_of("/x?%74ail=5").query("tail"), "5");
}

TEST(HttpRequest, FindsHeadersInAnyCase) {
  Request request;
  request.add_header("X-One", "1");
  request.add_header("x-two", "2");
  request.add_header("X-ONE", "again");
  EXPECT_EQ(request.header("x-one"), "1");
  EXPECT_EQ(request.header("X-Two"), "2");
  EXPECT_EQ(request.header("X-Three"), std::nullopt);
}

TEST(HttpRequest, ReducesAnAbsoluteTargetToItsPath) {
  EXPECT_EQ(request_of("http://box:8988/a%20b?c=d").target, "/a%20b?c=d");
  EXPECT_EQ(request_of("http://box:8988/a%20b?c=d").path, "/a b");
  EXPECT_EQ(request_of("http://box").target, "/");
}

TEST(HttpRequest, TakesATokenFromTheUrlForSocketsOnly) {
  auto request = request_of("/ws?token=abc");
  EXPECT_EQ(request.bearer_token(), std::nullopt);
  request.wants_socket = true;
  EXPECT_EQ(request.bearer_token(), "abc");
  request.add_header("Sec-WebSocket-Protocol", "json, bearer.xyz");
  EXPECT_EQ(request.bearer_token(), "xyz");
  request.add_header("Authorization", "bearer first");
  EXPECT_EQ(request.bearer_token(), "first");
  auto other = request_of("/ws?access_token=def");
  other.wants_socket = true;
  EXPECT_EQ(other.bearer_token(), "def");
}

TEST(HttpRequest, IsEmptyAgainAfterClear) {
  auto request = request_of("/a?b=c");
  request.add_header("X-One", "1");
  request.body = "body";
  request.clear();
  EXPECT_EQ(request.header("X-One"), std::nullopt);
  EXPECT_EQ(request.query("b"), std::nullopt);
  EXPECT_TRUE(request.body.empty());
  EXPECT_EQ(request.user->sub, "");
}

TEST(HttpUser, HigherRolesIncludeLowerOnes) {
  const auto user = [](std::string role) {
    User made;
    made.roles = {std::move(role)};
    return made;
  };
  EXPECT_TRUE(user("admin").has(Role::deployer));
  EXPECT_TRUE(user("deployer").has(Role::operator_));
  EXPECT_TRUE(user("operator").has(Role::viewer));
  EXPECT_FALSE(user("operator").has(Role::deployer));
  EXPECT_FALSE(user("viewer").has(Role::operator_));
  EXPECT_FALSE(user("public").has(Role::viewer));
  EXPECT_TRUE(user("anything").has(Role::public_));
}

class CallQuery : public testing::Test {
 protected:
  std::int64_t tail(std::string_view target) {
    request_.set_target(target);
    return CallContext{request_, none_, none_}.query_int("tail", 10, 1, 100);
  }
  Request request_;
  std::vector<std::string> none_;
};

TEST_F(CallQuery, ReadsWholeNumbersInTheirRange) {
  EXPECT_EQ(tail("/x"), 10);
  EXPECT_EQ(tail("/x?tail=100"), 100);
}

TEST_F(CallQuery, SaysWhatANumberMustBe) {
  for (const auto* target : {"/x?tail=101",
                             "/x?tail=0",
                             "/x?tail=abc",
                             "/x?tail=",
                             "/x?tail=5x",
                             "/x?tail=99999999999999999999"}) {
    try {
      tail(target);
      ADD_FAILURE() << target << " was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::invalid);
      EXPECT_EQ(error.where(), "query.tail");
      EXPECT_NE(error.message().find("from 1 to 100"), std::string::npos);
    }
  }
}

TEST_F(CallQuery, RefusesAParameterThatThePathDoesNotHave) {
  const CallContext context{request_, none_, none_};
  EXPECT_THROW(static_cast<void>(context.param("service")), std::logic_error);
}

TEST_F(CallQuery, ReadsFlags) {
  request_.set_target("/x?a&b=false&c=maybe");
  const CallContext context{request_, none_, none_};
  EXPECT_TRUE(context.query_bool("a", false));
  EXPECT_FALSE(context.query_bool("b", true));
  EXPECT_TRUE(context.query_bool("absent", true));
  EXPECT_THROW(static_cast<void>(context.query_bool("c", true)), Error);
}

/// Byte by byte, as a connection feeds what its buffer holds. False: it does not become whole.
bool arrives_in_bytes(std::string_view text, Request& request) {
  RequestParser parser{request, 1024};
  std::string buffer;
  for (const char byte : text) {
    buffer += byte;
    for (std::size_t used = 1; used > 0 && !buffer.empty() && !parser.is_done();) {
      boost::system::error_code failure;
      used = parser.feed(buffer.data(), buffer.size(), failure);
      if (failure && !RequestParser::needs_more(failure)) return false;
      buffer.erase(0, used);
    }
  }
  return parser.is_done() && buffer.empty();
}

/// Beast's parser asserts that five bytes are there when it comes back to the last chunk.
TEST(RequestParserTest, AChunkedBodyMayEndByteByByte) {
  constexpr std::string_view head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string body : {"0\r\n\r\n", "0\r\nT: x\r\n\r\n", "1\r\na\r\n0\r\n\r\n"}) {
    Request request;
    EXPECT_TRUE(arrives_in_bytes(std::string{head} + body, request)) << body;
    EXPECT_EQ(request.body, body.front() == '1' ? "a" : "");
  }
}

}  // namespace
}  // namespace portoser::http
