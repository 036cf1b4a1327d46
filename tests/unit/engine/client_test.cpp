#include "agent/engine/client.h"

#include "common/error.h"
#include "tests/unit/engine/fake_engine.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <unistd.h>

namespace portoser::agent::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr auto version_body = R"({"Version":"20.10.24","ApiVersion":"1.41"})";

std::string container_body(const std::string& id) {
  return fmt::format(R"({{"Id":"{0}","Name":"/name-{0}","State":{{"Status":"running","Pid":7}}}})",
                     id);
}

std::string event_line(const std::string& action, const std::string& id) {
  return fmt::format(
      "{{\"Type\":\"container\",\"Action\":\"{}\",\"Actor\":{{\"ID\":\"{}\"}},\"timeNano\":5}}\n",
      action,
      id);
}

class EngineClient : public testing::Test {
 protected:
  EngineClient() { engine.answer("GET /version", 200, version_body); }

  /// Runs the context until the work has ended; its result or its exception is the caller's.
  template <class T>
  T run(asio::awaitable<T> work) {
    context.restart();
    std::optional<detail::Outcome<T>> ended;
    auto guarded = detail::as_outcome<T>(std::move(work));
    asio::co_spawn(
        context, std::move(guarded), [&](const std::exception_ptr&, detail::Outcome<T> outcome) {
          ended = std::move(outcome);
          context.stop();
        });
    context.run_for(std::chrono::minutes{1});
    if (!ended) throw std::runtime_error{"the call did not end"};
    if (ended->failure) std::rethrow_exception(ended->failure);
    if constexpr (!std::is_void_v<T>) return std::move(*ended->value);
  }

  /// The `Error` that the work ends with.
  template <class T>
  Error error_of(asio::awaitable<T> work) {
    try {
      run(std::move(work));
    } catch (const Error& error) {
      return error;
    } catch (const std::exception& error) {
      ADD_FAILURE() << "not an Error: " << error.what();
      return Error{Code::internal, "not an Error"};
    }
    ADD_FAILURE() << "no Error";
    return Error{Code::internal, "no Error"};
  }

  void stream(std::vector<std::string> writes, bool hold = false) {
    Script script;
    script.writes = std::move(writes);
    script.hold = hold;
    engine.answer("GET /v1.41/events?filters=%7B%22type%22%3A%5B%22container%22%5D%7D",
                  std::move(script));
  }

  Error follow(std::int64_t since_ns = 0) {
    return error_of(client.follow_events(
        since_ns,
        [this] { ++connected; },
        [this](ContainerEvent event) { events.push_back(event.action + " " + event.id); }));
  }

  asio::io_context context;
  FakeEngine engine{context};
  Client client{context.get_executor(), engine.socket_path(), std::chrono::minutes{1}};
  Client hasty{context.get_executor(), engine.socket_path(), std::chrono::milliseconds{50}};
  int connected = 0;
  std::vector<std::string> events;
};

TEST_F(EngineClient, AsksTheVersionOnceAndUsesItInEveryPath) {
  engine.answer("GET /v1.41/containers/a1/json", 200, container_body("a1"));
  EXPECT_EQ(run(client.inspect("a1")).name, "name-a1");
  run(client.inspect("a1"));
  EXPECT_THAT(
      engine.requests(),
      ElementsAre(
          "GET /version", "GET /v1.41/containers/a1/json", "GET /v1.41/containers/a1/json"));
}

TEST_F(EngineClient, AsksTheVersionAgainAfterAFailure) {
  engine.answer("GET /v1.41/containers/a1/json", 500, "{\"message\":\"broken\"}");
  error_of(client.inspect("a1"));
  engine.answer("GET /version", 200, R"({"Version":"28.1.0","ApiVersion":"1.49"})");
  engine.answer("GET /v1.49/containers/a1/json", 200, container_body("a1"));
  EXPECT_EQ(run(client.inspect("a1")).id, "a1");
}

TEST_F(EngineClient, KeepsTheVersionWhenOneContainerIsGone) {
  EXPECT_EQ(error_of(client.inspect("gone")).code(), Code::not_found);
  EXPECT_EQ(error_of(client.inspect("gone")).code(), Code::not_found);
  EXPECT_EQ(std::count(engine.requests().begin(), engine.requests().end(), "GET /version"), 1);
}

TEST_F(EngineClient, FindsNamesAndReleasesImages) {
  engine.answer("GET /v1.41/images/host:5000/app:1/json", 200, R"({"Id":"sha256:11"})");
  engine.answer("POST /v1.41/images/sha256:11/tag?repo=portoser-kept/app&tag=one", 201, "");
  engine.answer("DELETE /v1.41/images/portoser-kept/app:one", 200, "[]");
  EXPECT_EQ(run(client.find_image("host:5000/app:1"))->id, "sha256:11");
  EXPECT_FALSE(run(client.find_image("absent")));
  run(client.tag_image("sha256:11", "portoser-kept/app", "one"));
  EXPECT_EQ(error_of(client.tag_image("sha256:22", "app", "one")).code(), Code::not_found);
  run(client.untag_image("portoser-kept/app:one"));
  run(client.untag_image("portoser-kept/app:two"));  // was not there
  engine.answer("DELETE /v1.41/images/used:1", 409, R"({"message":"a container uses it"})");
  EXPECT_EQ(error_of(client.untag_image("used:1")).code(), Code::conflict);
}

TEST_F(EngineClient, NamesOfImagesCannotChangeThePath) {
  for (const auto* name : {"", "../containers/a1", "a b", "a?x=1", "/a", "a#b", ".a"}) {
    EXPECT_EQ(error_of(client.find_image(name)).code(), Code::invalid) << name;
  }
}

TEST_F(EngineClient, RemovesAContainerThatMayBeStoppedOrGone) {
  engine.answer("POST /v1.41/containers/a1/stop", 304, "");
  engine.answer("DELETE /v1.41/containers/a1?force=1", 204, "");
  run(client.remove_container("a1"));
  EXPECT_EQ(engine.requests().back(), "DELETE /v1.41/containers/a1?force=1");
  run(client.remove_container("gone"));
}

TEST_F(EngineClient, StopsStartsAndRenamesAContainer) {
  engine.answer("POST /v1.41/containers/a1/stop", 304, "");
  run(client.stop_container("a1"));
  engine.answer("POST /v1.41/containers/a1/stop?t=1", 204, "");
  run(client.stop_container("a1", std::chrono::seconds{1}));
  EXPECT_EQ(engine.requests().back(), "POST /v1.41/containers/a1/stop?t=1");
  engine.answer("POST /v1.41/containers/a1/start", 204, "");
  run(client.start_container("a1"));
  engine.answer("POST /v1.41/containers/a1/rename?name=a_b", 409, R"({"message":"in use"})");
  EXPECT_EQ(error_of(client.rename_container("a1", "a_b")).code(), Code::conflict);
  EXPECT_EQ(error_of(client.rename_container("a1", "a&b")).code(), Code::invalid);
  EXPECT_EQ(error_of(client.stop_container("gone")).code(), Code::not_found);
}

TEST_F(EngineClient, InspectsEveryContainerFourSideBySideAndLeavesOutTheVanished) {
  std::string list = "[";
  for (int i = 0; i < 20; ++i) {
    const auto id = fmt::format("c{}", i);
    list += fmt::format("{}{{\"Id\":\"{}\"}}", i == 0 ? "" : ",", id);
    if (i != 13) engine.answer("GET /v1.41/containers/" + id + "/json", 200, container_body(id));
  }
  engine.answer("GET /v1.41/containers/json?all=1", 200, list + "]");
  engine.gather_inspections(4);
  const auto containers = run(client.containers());
  EXPECT_EQ(containers.size(), 19U);
  for (std::size_t i = 0; i < containers.size(); ++i) {
    EXPECT_EQ(containers[i].id, fmt::format("c{}", i < 13 ? i : i + 1));
  }
  EXPECT_EQ(engine.most_at_once(), 4);
}

TEST_F(EngineClient, FailsAsAWholeWhenAContainerCannotBeInspected) {
  engine.answer(
      "GET /v1.41/containers/json?all=1", 200, R"([{"Id":"a1"},{"Id":"b2"},{"Id":"c3"}])");
  engine.answer("GET /v1.41/containers/a1/json", 200, container_body("a1"));
  engine.answer("GET /v1.41/containers/b2/json", 500, "{\"message\":\"disk is full\"}");
  engine.answer("GET /v1.41/containers/c3/json", 500, "{\"message\":\"disk is full\"}");
  const auto error = error_of(client.containers());
  EXPECT_EQ(error.code(), Code::unavailable);
  EXPECT_EQ(error.reason(), "ENGINE_ERROR");
  EXPECT_THAT(error.message(), HasSubstr("disk is full"));
}

TEST_F(EngineClient, SendsTheRestartPolicy) {
  engine.answer("POST /v1.41/containers/a1/update", 200, "{\"Warnings\":null}");
  run(client.set_restart_policy("a1", "no"));
  EXPECT_EQ(engine.requests().back(), "POST /v1.41/containers/a1/update");
  EXPECT_EQ(engine.last_body(), R"({"RestartPolicy":{"Name":"no"}})");
}

TEST_F(EngineClient, SendsTheLimitOfRestarts) {
  engine.answer("POST /v1.41/containers/a1/update", 200, "{\"Warnings\":null}");
  run(client.set_restart_policy("a1", "on-failure:5"));
  EXPECT_EQ(engine.last_body(), R"({"RestartPolicy":{"MaximumRetryCount":5,"Name":"on-failure"}})");
}

TEST_F(EngineClient, RefusesALimitOfRestartsThatIsNoNumber) {
  for (const auto* policy : {"on-failure:", "on-failure:x", "on-failure:5x", "on-failure:-1"}) {
    EXPECT_EQ(error_of(client.set_restart_policy("a1", policy)).code(), Code::invalid) << policy;
  }
  EXPECT_TRUE(engine.requests().empty());
}

TEST_F(EngineClient, RefusesAnIdThatWouldBeAnotherPath) {
  for (const auto* id : {"", "..", "../images/json", "a1/json?", "a b", "a\r\nX: y"}) {
    EXPECT_EQ(error_of(client.inspect(id)).code(), Code::invalid) << id;
    EXPECT_EQ(error_of(client.set_restart_policy(id, "no")).code(), Code::invalid) << id;
  }
  EXPECT_TRUE(engine.requests().empty());
}

struct StatusCase {
  unsigned status;
  Code code;

  friend std::ostream& operator<<(std::ostream& out, const StatusCase& one) {
    return out << one.status;
  }
};

class EngineStatus : public EngineClient, public testing::WithParamInterface<StatusCase> {};

TEST_P(EngineStatus, BecomesAnErrorWithTheEnginesMessage) {
  engine.answer(
      "POST /v1.41/containers/a1/update", GetParam().status, "{\"message\":\"because of this\"}\n");
  const auto error = error_of(client.set_restart_policy("a1", "no"));
  EXPECT_EQ(error.code(), GetParam().code);
  EXPECT_THAT(error.message(), HasSubstr("because of this"));
}

INSTANTIATE_TEST_SUITE_P(Codes,
                         EngineStatus,
                         testing::Values(StatusCase{400, Code::invalid},
                                         StatusCase{404, Code::not_found},
                                         StatusCase{409, Code::conflict},
                                         StatusCase{500, Code::unavailable},
                                         StatusCase{503, Code::unavailable}),
                         [](const auto& one) { return std::to_string(one.param.status); });

TEST_F(EngineClient, SaysThatNoEngineListens) {
  Client nobody{context.get_executor(), engine.socket_path() + "-other"};
  const auto error = error_of(nobody.version());
  EXPECT_EQ(error.code(), Code::unavailable);
  EXPECT_EQ(error.reason(), "ENGINE_UNAVAILABLE");
  EXPECT_THAT(error.message(), HasSubstr("no Docker engine listens on"));
  EXPECT_FALSE(error.hint().empty());
}

TEST_F(EngineClient, SaysThatNoEngineListensOnASocketLeftBehind) {
  const auto left = engine.socket_path() + "-left";
  { const asio::local::stream_protocol::acceptor closed{context, left}; }
  Client nobody{context.get_executor(), left};
  EXPECT_THAT(error_of(nobody.version()).message(), HasSubstr("no Docker engine listens on"));
}

TEST_F(EngineClient, SaysThatThePermissionIsMissing) {
  // Root may open anything, so it gives its rights away for the length of the call.
  const bool is_root = ::geteuid() == 0;
  const auto folder = std::filesystem::path{engine.socket_path()}.parent_path();
  ASSERT_EQ(::chmod(folder.c_str(), 0755), 0);
  ASSERT_EQ(::chmod(engine.socket_path().c_str(), is_root ? 0700 : 0), 0);
  ASSERT_TRUE(!is_root || ::seteuid(65534) == 0);
  const auto error = error_of(client.version());
  ASSERT_TRUE(!is_root || ::seteuid(0) == 0);
  EXPECT_EQ(error.code(), Code::unavailable);
  EXPECT_EQ(error.reason(), "ENGINE_UNAVAILABLE");
  EXPECT_THAT(error.message(), HasSubstr("permission denied"));
}

TEST_F(EngineClient, EndsACallAtItsDeadlineWhenTheEngineIsFrozen) {
  engine.freeze();
  const auto error = error_of(hasty.version());
  EXPECT_EQ(error.code(), Code::deadline);
  EXPECT_EQ(error.reason(), "ENGINE_TIMEOUT");
  EXPECT_THAT(error.message(), HasSubstr("/version"));
}

TEST_F(EngineClient, EndsACallAtItsDeadlineInTheMiddleOfAnAnswer) {
  Script half;
  half.writes.push_back("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"Version\"");
  half.hold = true;
  engine.answer("GET /version", std::move(half));
  EXPECT_EQ(error_of(hasty.version()).reason(), "ENGINE_TIMEOUT");
}

TEST_F(EngineClient, EndsTheListingAtItsDeadlineWhenTheEngineFreezesMeanwhile) {
  run(hasty.version());
  engine.freeze();
  EXPECT_EQ(error_of(hasty.containers()).reason(), "ENGINE_TIMEOUT");
}

TEST_F(EngineClient, CallsABrokenConnectionUnavailable) {
  Script half;
  half.writes.push_back("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"Version\"");
  engine.answer("GET /version", std::move(half));
  const auto error = error_of(client.version());
  EXPECT_EQ(error.code(), Code::unavailable);
  EXPECT_EQ(error.reason(), "ENGINE_UNAVAILABLE");
}

TEST_F(EngineClient, CallsAnAnswerThatIsNotHttpUnavailable) {
  Script other;
  other.writes.push_back("SSH-2.0-OpenSSH_9.2\r\n");
  engine.answer("GET /version", std::move(other));
  EXPECT_EQ(error_of(client.version()).code(), Code::unavailable);
}

TEST_F(EngineClient, RefusesAnAnswerOfMoreThanFourMebibytes) {
  engine.answer("GET /v1.41/containers/a1/json", 200, std::string(5U << 20U, ' '));
  EXPECT_EQ(error_of(client.inspect("a1")).code(), Code::too_large);
}

TEST_F(EngineClient, GivesEventsWhoseLinesSpanChunks) {
  const auto text =
      event_line("start", "a1") + event_line("die", "b2") + event_line("destroy", "c3");
  std::vector<std::string> writes{chunked_header()};
  for (std::size_t at = 0; at < text.size(); at += 7) writes.push_back(chunk(text.substr(at, 7)));
  stream(std::move(writes));
  const auto end = follow();
  EXPECT_EQ(connected, 1);
  EXPECT_THAT(events, ElementsAre("start a1", "die b2", "destroy c3"));
  EXPECT_EQ(end.code(), Code::unavailable);
  EXPECT_EQ(end.reason(), "ENGINE_UNAVAILABLE");
}

TEST_F(EngineClient, GivesEventsWhoseChunksSpanWrites) {
  const auto text = chunked_header() + chunk(event_line("start", "a1") + event_line("die", "b2"));
  std::vector<std::string> writes;
  for (const char byte : text) writes.emplace_back(1, byte);
  stream(std::move(writes));
  follow();
  EXPECT_THAT(events, ElementsAre("start a1", "die b2"));
}

TEST_F(EngineClient, GivesAnEventAtOnceThoughTheStreamGoesOn) {
  stream({chunked_header(), chunk(event_line("start", "a1"))}, true);
  const auto error = error_of(client.follow_events(
      0,
      [] {},
      [](const ContainerEvent& event) {
        throw Error{Code::internal, event.action};
      }));
  EXPECT_EQ(error.message(), "start");
}

TEST_F(EngineClient, PassesOverAnEventThatCannotBeRead) {
  stream({chunked_header(), chunk("{\"Type\":\"contai\n"), chunk(event_line("start", "a1"))});
  follow();
  EXPECT_THAT(events, ElementsAre("start a1"));
}

TEST_F(EngineClient, EndsTheStreamAtALineOverAMebibyte) {
  std::vector<std::string> writes{chunked_header(), chunk(event_line("start", "a1"))};
  for (int i = 0; i < 18; ++i) writes.push_back(chunk(std::string(64U << 10U, 'x')));
  stream(std::move(writes), true);
  EXPECT_EQ(follow().code(), Code::too_large);
  EXPECT_THAT(events, ElementsAre("start a1"));
}

TEST_F(EngineClient, AsksForEventsSinceAMoment) {
  follow(1'772'612'142'000'000'789);
  EXPECT_THAT(engine.requests().back(), HasSubstr("&since=1772612142.000000789"));
}

TEST_F(EngineClient, GivesWhatTheEngineRemembersAndEnds) {
  Script script;
  script.writes = {chunked_header(),
                   chunk(event_line("start", "a1")),
                   chunk("{broken\n"),
                   chunk(event_line("die", "a1")),
                   chunk("")};
  engine.answer(
      "GET /v1.41/events?filters=%7B%22type%22%3A%5B%22container%22%5D%7D"
      "&since=1772612142.000000789&until=1772612143.500000000",
      std::move(script));
  constexpr std::int64_t now_ns = 1'772'612'143'500'000'000;
  const auto past = run(client.past_events(1'772'612'142'000'000'789, now_ns, now_ns));
  ASSERT_EQ(past.size(), 2U);
  EXPECT_EQ(past[0].action, "start");
  EXPECT_EQ(past[1].action, "die");
}

/// The clock was set back: the engine gives what it has and then waits for that time to come.
TEST_F(EngineClient, WaitsForNothingThatIsYetToCome) {
  const std::string request =
      "GET /v1.41/events?filters=%7B%22type%22%3A%5B%22container%22%5D%7D"
      "&since=0.000000001&until=1772612143.500000000";
  constexpr std::int64_t until_ns = 1'772'612'143'500'000'000;
  for (const bool hold : {true, false}) {
    Script script;
    script.writes = {chunked_header(), chunk(event_line("start", "a1"))};
    if (!hold) script.writes.push_back(chunk(""));
    script.hold = hold;
    engine.answer(request, std::move(script));
    const auto past = run(client.past_events(1, until_ns, until_ns - 3'600'000'000'000));
    ASSERT_EQ(past.size(), 1U);
    EXPECT_EQ(past[0].action, "start");
  }
}

TEST_F(EngineClient, ThereIsNoPastFromTheFuture) {
  EXPECT_TRUE(run(client.past_events(2, 1, 1)).empty());
  EXPECT_TRUE(engine.requests().empty());
}

TEST_F(EngineClient, EndsTheStreamAtItsDeadlineWithoutAHeader) {
  run(hasty.version());
  engine.freeze();
  const auto error = error_of(hasty.follow_events(
      0, [this] { ++connected; }, [](const ContainerEvent&) {}));
  EXPECT_EQ(error.reason(), "ENGINE_TIMEOUT");
  EXPECT_EQ(connected, 0);
}

TEST_F(EngineClient, KeepsTheMessageOfARefusedStream) {
  engine.answer("GET /v1.41/events?filters=%7B%22type%22%3A%5B%22container%22%5D%7D",
                400,
                "{\"message\":\"no such filter\"}");
  const auto error = follow();
  EXPECT_EQ(error.code(), Code::invalid);
  EXPECT_THAT(error.message(), HasSubstr("no such filter"));
  EXPECT_EQ(connected, 0);
}

TEST_F(EngineClient, EndsAStreamThatIsCancelled) {
  stream({chunked_header(), chunk(event_line("start", "a1"))}, true);
  TaskGroup tasks{context.get_executor()};
  auto following = client.follow_events(
      0, [] {}, [&tasks](const ContainerEvent&) { tasks.stop(); });
  tasks.spawn("events", std::move(following));
  run(tasks.join());
}

}  // namespace
}  // namespace portoser::agent::engine
