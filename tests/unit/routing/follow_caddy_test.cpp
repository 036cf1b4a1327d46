// Caddy's admin API is played by the test.

#include "agent/routing/follow_caddy.h"

#include "common/describe_json.h"
#include "common/error.h"
#include "common/file.h"
#include "tests/support/temp_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>

namespace portoser::agent::routing {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class FollowCaddyTest : public testing::Test {
 protected:
  FollowCaddyTest() {
    command_.hostname = "notes.attic.lan";
    command_.old_upstream = "192.0.2.21:8090";
    command_.new_upstream = "192.0.2.22:8090";
    dial("192.0.2.21:8090");
  }

  void dial(const std::string& upstream) {
    text_ = R"({"apps":{"http":{"servers":{"s":{"routes":[{"match":[{"host":["notes.attic.lan"]}],)"
            R"("handle":[{"handler":"reverse_proxy","upstreams":[{"dial":")" +
            upstream + R"("}]}]}]}}}}})";
    ++version_;
  }
  [[nodiscard]] std::string etag() const { return "\"/config/ " + std::to_string(version_) + "\""; }

  FetchResponse answer(const FetchRequest& request) {
    asked_.push_back(request);
    FetchResponse response;
    response.status = 200;
    if (request.method == "GET") {
      response.body = text_;
      response.etag = etag();
      if (after_get_) after_get_(static_cast<int>(asked_.size()));
      return response;
    }
    if (on_post_) on_post_();
    if (refusal_) return *refusal_;
    if (!testing::Value(request.headers, Contains("If-Match: " + etag()))) {
      response.status = 412;
      response.body = R"({"error":"If-Match header did not match"})";
      return response;
    }
    text_ = request.body;
    ++version_;
    if (loses_answer_) throw Error{Code::unavailable, "no answer from there"};
    return response;
  }

  std::vector<std::string> follow() {
    CaddyCalls calls;
    calls.ask = [this](const FetchRequest& request) { return answer(request); };
    calls.pause = [this](std::chrono::milliseconds) { ++pauses_; };
    return follow_in_caddy(command_, calls);
  }
  Error failure() {
    try {
      follow();
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "it followed";
    return Error{Code::internal, ""};
  }

  protocol::RoutingCaddy command_;
  std::string text_;
  int version_ = 0;
  std::vector<FetchRequest> asked_;
  int pauses_ = 0;
  std::function<void(int)> after_get_;
  std::function<void()> on_post_;
  std::optional<FetchResponse> refusal_;
  bool loses_answer_ = false;
};

TEST_F(FollowCaddyTest, ChangesTheConfigurationThatItRead) {
  EXPECT_THAT(follow(), ElementsAre(StartsWith("done: ")));
  EXPECT_THAT(text_, HasSubstr(R"("dial":"192.0.2.22:8090")"));
  EXPECT_EQ(asked_[0].url, "http://localhost:2019/config/");
  EXPECT_EQ(pauses_, 0);
}

TEST_F(FollowCaddyTest, ASecondTimeThereIsNothingToDo) {
  follow();
  asked_.clear();
  EXPECT_THAT(follow(), ElementsAre(StartsWith("nothing to do: ")));
  EXPECT_EQ(asked_.size(), 1U);
}

TEST_F(FollowCaddyTest, AChangeOfSomebodyElsesMeanwhileIsNotOverwritten) {
  after_get_ = [this](int call) {
    if (call != 1) return;
    text_.insert(1, R"("logging":{},)");
    ++version_;
  };
  EXPECT_THAT(follow(), ElementsAre(StartsWith("done: ")));
  EXPECT_THAT(text_, HasSubstr("logging"));
  EXPECT_THAT(text_, HasSubstr("192.0.2.22:8090"));
  EXPECT_EQ(pauses_, 1);
}

TEST_F(FollowCaddyTest, OneThatIsChangedAllTheTimeIsGivenUp) {
  after_get_ = [this](int) { ++version_; };
  const auto error = failure();
  EXPECT_EQ(error.reason(), "CADDY_REFUSED");
  EXPECT_THAT(error.message(), HasSubstr("If-Match"));
}

TEST_F(FollowCaddyTest, WhenTheAnswerIsLostItLooksWhetherTheChangeWasTaken) {
  loses_answer_ = true;
  EXPECT_THAT(follow(), ElementsAre(StartsWith("done: ")));
}

TEST_F(FollowCaddyTest, AConfigurationThatIsRefusedIsNotTriedAgain) {
  refusal_ = FetchResponse{};
  refusal_->status = 400;
  refusal_->body = R"({"error":"loading new config: no such module"})";
  const auto error = failure();
  EXPECT_EQ(error.reason(), "CADDY_REFUSED");
  EXPECT_THAT(error.message(), HasSubstr("no such module"));
  EXPECT_EQ(asked_.size(), 2U);
}

TEST_F(FollowCaddyTest, WithoutARouteItSaysWhatTheNameDials) {
  dial("192.0.2.30:80");
  const auto error = failure();
  EXPECT_EQ(error.reason(), "ROUTE_NOT_FOUND");
  EXPECT_THAT(error.message(), HasSubstr("it dials 192.0.2.30:80"));
  EXPECT_EQ(asked_.size(), 1U);
}

TEST_F(FollowCaddyTest, WhatAnswersAndIsNotCaddyIsSaid) {
  text_ = "<html>";
  EXPECT_EQ(failure().reason(), "CADDY_UNAVAILABLE");
}

TEST_F(FollowCaddyTest, TheAdminApiIsFoundInEachOfItsSpellings) {
  const std::map<std::string, std::string> urls{
      {"http://localhost:2020/", "http://localhost:2020/config/"},
      {"localhost:2020", "http://localhost:2020/config/"},
      {"https://edge:2021", "https://edge:2021/config/"}};
  for (const auto& [written, url] : urls) {
    asked_.clear();
    command_.admin_api = written;
    follow();
    EXPECT_EQ(asked_[0].url, url);
    EXPECT_EQ(asked_[0].unix_socket, "");
  }
  asked_.clear();
  command_.admin_api = "unix//run/caddy/admin.sock";
  follow();
  EXPECT_EQ(asked_[0].unix_socket, "/run/caddy/admin.sock");
}

TEST(CaddyConfigFile, ThatStillHasTheOldUpstreamIsTold) {
  const test::TempFolder folder{"caddyfile"};
  protocol::RoutingCaddy command;
  command.old_upstream = "192.0.2.21:8090";
  command.config_path = folder / "Caddyfile";
  EXPECT_THAT(look_at_config_file(command), IsEmpty());
  write_file_atomic(command.config_path, "notes.attic.lan {\n reverse_proxy 192.0.2.21:8090\n}\n");
  EXPECT_THAT(look_at_config_file(command),
              ElementsAre(testing::AllOf(StartsWith("left: "), HasSubstr("in line 2"))));
  write_file_atomic(command.config_path, "notes.attic.lan {\n reverse_proxy 192.0.2.22:8090\n}\n");
  EXPECT_THAT(look_at_config_file(command), IsEmpty());
}

}  // namespace
}  // namespace portoser::agent::routing
