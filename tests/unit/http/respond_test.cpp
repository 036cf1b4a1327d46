#include "controller/http/respond.h"

#include "common/describe_json.h"

#include <gtest/gtest.h>

namespace portoser::http {
namespace {

const Time moment = *time_from_rfc3339("2026-03-04T08:15:42.123Z");

Request a_request() {
  Request request;
  request.method = Method::post;
  request.set_target("/api/services/a%20b/start?token=secret");
  return request;
}

Json body_of(const Response& response) {
  return Json::parse(response.body);
}

TEST(ErrorAnswer, HasTheWholeEnvelope) {
  const auto response = error_response(Error{Code::conflict, "gitea is being moved", "path.service"}
                                           .reason("BUSY")
                                           .hint("wait for job 7")
                                           .details({{"job", "7"}}),
                                       a_request(),
                                       moment);
  EXPECT_EQ(response.status, 409U);
  EXPECT_EQ(
      response.text(),
      R"({"error":{"message":"gitea is being moved","status":409,"path":"/api/services/a b/start",)"
      R"("method":"POST","timestamp":"2026-03-04T08:15:42.123Z","suggestion":"wait for job 7",)"
      R"("details":[{"where":"job","message":"7"}]},"message":"gitea is being moved",)"
      R"("detail":"gitea is being moved","code":"BUSY","reason":"BUSY","hint":"wait for job 7",)"
      R"("where":"path.service"})");
}

TEST(ErrorAnswer, LeavesOutWhatIsNotThere) {
  const auto body =
      body_of(error_response(Error{Code::not_found, "no such job"}, a_request(), moment));
  EXPECT_FALSE(body["error"].contains("suggestion"));
  EXPECT_FALSE(body["error"].contains("details"));
  EXPECT_FALSE(body["error"].contains("field_errors"));
  EXPECT_EQ(body["message"], "no such job");
  EXPECT_EQ(body["code"], "NOT_FOUND");
  EXPECT_EQ(body["hint"], "");
}

TEST(ErrorAnswer, NamesTheFieldsOfAnInvalidRequest) {
  const auto body = body_of(
      error_response(Error{Code::invalid, "\"body.hostname\" must be a host name", "body.hostname"},
                     a_request(),
                     moment));
  EXPECT_EQ(body["error"]["field_errors"]["body.hostname"],
            "\"body.hostname\" must be a host name");
}

TEST(ErrorAnswer, FieldsAreThoseOfTheRequest) {
  const auto body =
      body_of(error_response(Error{Code::invalid, "the container ended at once", "job"}.details(
                                 {{"job_id", "7"}, {"output", "exit 1"}}),
                             a_request(),
                             moment));
  EXPECT_FALSE(body["error"].contains("field_errors")) << body;
  EXPECT_EQ(body["error"]["details"].size(), 2U);
}

TEST(ErrorAnswer, SuggestsSomethingFor401403And503) {
  for (const auto code : {Code::unauthenticated, Code::forbidden, Code::unavailable}) {
    const auto body = body_of(error_response(Error{code, "no"}, a_request(), moment));
    EXPECT_TRUE(body["error"].contains("suggestion"));
  }
}

TEST(ErrorAnswer, A401NamesTheScheme) {
  const auto response = error_response(Error{Code::unauthenticated, "who?"}, a_request(), moment);
  ASSERT_EQ(response.headers.size(), 1U);
  EXPECT_EQ(response.headers[0].first, "WWW-Authenticate");
  EXPECT_EQ(response.headers[0].second, "Bearer");
}

TEST(ErrorAnswer, TakesRetryAfterOutOfTheDetails) {
  const auto response = error_response(
      Error{Code::rate_limited, "slower"}.details({{"retry_after", "30"}}), a_request(), moment);
  ASSERT_EQ(response.headers.size(), 1U);
  EXPECT_EQ(response.headers[0].first, "Retry-After");
  EXPECT_EQ(response.headers[0].second, "30");
  EXPECT_FALSE(body_of(response)["error"].contains("details"));
}

struct StatusCase {
  Code code;
  std::string_view reason;
  unsigned status;
};

class StatusOfError : public testing::TestWithParam<StatusCase> {};

TEST_P(StatusOfError, ComesFromTheReasonAndElseFromTheCode) {
  const auto& given = GetParam();
  EXPECT_EQ(status_of(Error{given.code, "x"}.reason(given.reason)), given.status);
}

INSTANTIATE_TEST_SUITE_P(All,
                         StatusOfError,
                         testing::Values(StatusCase{Code::bad_request, "", 400},
                                         StatusCase{Code::invalid, "", 422},
                                         StatusCase{Code::unauthenticated, "", 401},
                                         StatusCase{Code::forbidden, "", 403},
                                         StatusCase{Code::not_found, "", 404},
                                         StatusCase{Code::conflict, "", 409},
                                         StatusCase{Code::too_large, "", 413},
                                         StatusCase{Code::rate_limited, "", 429},
                                         StatusCase{Code::unavailable, "", 503},
                                         StatusCase{Code::unavailable, "AGENT_OFFLINE", 503},
                                         StatusCase{Code::deadline, "", 504},
                                         StatusCase{Code::internal, "", 500},
                                         StatusCase{Code::bad_request, "METHOD_NOT_ALLOWED", 405},
                                         StatusCase{Code::conflict, "PRECONDITION_FAILED", 412},
                                         StatusCase{Code::bad_request, "HEADERS_TOO_LARGE", 431},
                                         StatusCase{Code::bad_gateway, "", 502},
                                         StatusCase{Code::bad_gateway, "PORT_TAKEN", 502}),
                         [](const auto& test_case) {
                           const auto& given = test_case.param;
                           return std::string{to_string(given.code)} + std::string{given.reason};
                         });

TEST(ErrorAnswer, KeepsTheTextOfAnUnexpectedFailureToTheLog) {
  auto request = a_request();
  request.request_id = "id-7";
  const auto error =
      to_error(std::make_exception_ptr(std::runtime_error{"password is hunter2"}), request);
  EXPECT_EQ(error.code(), Code::internal);
  EXPECT_EQ(error.message().find("hunter2"), std::string::npos);
  EXPECT_NE(error.message().find("id-7"), std::string::npos);
}

}  // namespace
}  // namespace portoser::http
