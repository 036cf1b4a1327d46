#include "controller/telemetry/remote_write_sender.h"

#include "common/file.h"
#include "controller/telemetry/back_off.h"
#include "tests/support/await.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/telemetry/played_store.h"

#include <gmock/gmock.h>

#include <thread>

namespace portoser::telemetry {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using Kind = SendOutcome::Kind;
using Manner = PlayedStore::Manner;

class RemoteWriteSenderTest : public testing::Test {
 protected:
  SendOutcome send() {
    if (target_.url.empty()) target_.url = store_.url();
    RemoteWriteSender sender{target_, give_up_};
    return sender.send("body");
  }
  SendOutcome send_for(PlayedStore::Answer answer) {
    store_.answer_next(std::move(answer));
    return send();
  }

  PlayedStore store_;
  RemoteWriteTarget target_;
  std::atomic<bool> give_up_{false};
  test::TempFolder folder_{"sender"};
};

TEST_F(RemoteWriteSenderTest, SaysWhatTheStandardAsksFor) {
  EXPECT_EQ(send().kind, Kind::taken);
  const auto request = store_.requests().at(0);
  EXPECT_THAT(request.head,
              AllOf(HasSubstr("POST /write HTTP/1.1\r\n"),
                    HasSubstr("Content-Type: application/x-protobuf\r\n"),
                    HasSubstr("Content-Encoding: snappy\r\n"),
                    HasSubstr("X-Prometheus-Remote-Write-Version: 0.1.0\r\n"),
                    HasSubstr("User-Agent: portoser/"),
                    Not(HasSubstr("Authorization"))));
  EXPECT_EQ(request.body, "body");
}

TEST_F(RemoteWriteSenderTest, AnAnswerIsTakenRefusedOrTriedAgain) {
  const std::map<int, Kind> meanings{{200, Kind::taken},
                                     {204, Kind::taken},
                                     {302, Kind::failed},
                                     {400, Kind::refused},
                                     {401, Kind::failed},
                                     {403, Kind::failed},
                                     {404, Kind::failed},
                                     {409, Kind::refused},
                                     {413, Kind::refused},
                                     {422, Kind::refused},
                                     {429, Kind::failed},
                                     {500, Kind::failed},
                                     {503, Kind::failed}};
  for (const auto& [status, kind] : meanings) {
    EXPECT_EQ(send_for({.status = status}).kind, kind) << status;
  }
}

TEST_F(RemoteWriteSenderTest, OnlyAnErrorOfTheStoreItselfMayBeAboutTheSamples) {
  for (const int status : {500, 501, 507}) {
    EXPECT_TRUE(may_be_about_samples(send_for({.status = status}))) << status;
  }
  for (const int status : {302, 400, 429, 502, 503, 504}) {
    EXPECT_FALSE(may_be_about_samples(send_for({.status = status}))) << status;
  }
  EXPECT_FALSE(may_be_about_samples(send_for({.manner = Manner::leave})));
}

TEST_F(RemoteWriteSenderTest, TheReasonIsTheBeginningOfTheAnswerOnOneLine) {
  const auto refused = send_for({.status = 400, .body = "out of\torder \xff\nsecond line"});
  EXPECT_EQ(refused.reason, "HTTP status 400: out of order \xEF\xBF\xBD");
  const auto endless = send_for({.status = 500, .body = std::string(100'000, 'x')});
  EXPECT_EQ(endless.kind, Kind::failed);
  EXPECT_LT(endless.reason.size(), 250U);
  EXPECT_EQ(send_for({.status = 200, .body = std::string(100'000, 'x')}).kind, Kind::taken);
}

TEST_F(RemoteWriteSenderTest, RetryAfterIsRead) {
  EXPECT_EQ(send_for({.status = 429, .headers = "Retry-After: 17\r\n"}).retry_after, 17s);
  EXPECT_EQ(send_for({.status = 503}).retry_after, 0s);
}

TEST_F(RemoteWriteSenderTest, AStoreThatHangsOrDripsEndsAtTheTimeLimit) {
  target_.timeout = 1s;
  for (const auto manner : {Manner::hang, Manner::drip}) {
    const auto outcome = send_for({.manner = manner});
    EXPECT_EQ(outcome.kind, Kind::failed);
    EXPECT_THAT(outcome.reason, HasSubstr("no answer from " + store_.url()));
  }
}

TEST_F(RemoteWriteSenderTest, AConnectionThatEndsMidwayIsAFailure) {
  for (const auto* sent : {"", "HTTP/1.1 2", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"}) {
    EXPECT_EQ(send_for({.body = sent, .manner = Manner::leave}).kind, Kind::failed) << sent;
  }
}

TEST_F(RemoteWriteSenderTest, ARequestUnderWayIsGivenUpAtOnce) {
  store_.answer_next({.manner = Manner::hang});
  target_.timeout = 300s;
  std::thread end{[this] {
    test::await_until("the request has come", 30s, [this] { return !store_.requests().empty(); });
    give_up_ = true;
  }};
  EXPECT_EQ(send().kind, Kind::failed);
  end.join();
}

TEST_F(RemoteWriteSenderTest, ATokenIsReadForEachRequest) {
  target_.bearer_token_file = folder_ / "token";
  EXPECT_EQ(send().kind, Kind::failed) << "the file is not there yet";
  for (const auto* token : {"first", "second"}) {
    write_file_atomic(target_.bearer_token_file, std::string{token} + "\n");
    EXPECT_EQ(send().kind, Kind::taken);
    EXPECT_THAT(store_.requests().back().head,
                HasSubstr(std::string{"Authorization: Bearer "} + token + "\r\n"));
  }
}

TEST_F(RemoteWriteSenderTest, APasswordAndHeadersAreSent) {
  target_.user = "ada";
  target_.password_file = folder_ / "password";
  target_.headers = {{"X-Scope-OrgID", "attic"}};
  write_file_atomic(target_.password_file, "love:lace\n");
  EXPECT_EQ(send().kind, Kind::taken);
  EXPECT_THAT(store_.requests().back().head,
              AllOf(HasSubstr("Authorization: Basic YWRhOmxvdmU6bGFjZQ==\r\n"),
                    HasSubstr("X-Scope-OrgID: attic\r\n")));
}

TEST_F(RemoteWriteSenderTest, NoReasonHoldsASecret) {
  target_.url = "http://127.0.0.1:1/write?token=hidden";
  target_.user = "ada";
  target_.password_file = folder_ / "password";
  target_.headers = {{"X-Key", "hidden"}};
  write_file_atomic(target_.password_file, "hidden\n");
  const auto outcome = send();
  EXPECT_EQ(outcome.kind, Kind::failed);
  EXPECT_THAT(outcome.reason,
              AllOf(HasSubstr("http://127.0.0.1:1/write"), Not(HasSubstr("hidden"))));
  EXPECT_EQ(shown_url(target_.url), "http://127.0.0.1:1/write");
}

TEST(BackOff, DoublesUpToItsLimitAndIsNeverTheSame) {
  BackOff back_off{30ms, 60s, 1};
  auto most = 30ms;
  bool differs = false;
  for (int i = 0; i < 20; ++i) {
    const auto next = back_off.next();
    EXPECT_GE(next, most / 2);
    EXPECT_LE(next, most);
    differs = differs || next != most;
    most = std::min<std::chrono::milliseconds>(2 * most, 60s);
  }
  EXPECT_EQ(most, 60s);
  EXPECT_TRUE(differs);
  back_off.reset();
  EXPECT_LE(back_off.next(), 30ms);
}

TEST(BackOff, WaitsAsLongAsItIsAskedToWithinReason) {
  BackOff back_off{30ms, 60s};
  EXPECT_EQ(back_off.next(17s), 17s);
  EXPECT_EQ(back_off.next(24h), 5min);
}

}  // namespace
}  // namespace portoser::telemetry
