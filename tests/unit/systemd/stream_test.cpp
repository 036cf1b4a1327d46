#include "agent/systemd/stream.h"

#include "tests/unit/systemd/fake_systemd.h"
#include "tests/unit/systemd/message_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

namespace portoser::agent::systemd {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

Properties active(std::uint64_t pid) {
  return {{"LoadState", std::string{"loaded"}},
          {"ActiveState", std::string{"active"}},
          {"SubState", std::string{"running"}},
          {"ControlGroup", std::string{"/system.slice/x"}},
          {"MainPID", pid}};
}

class StreamTest : public testing::Test {
 protected:
  StreamTest() {
    systemd.units["a.service"] = active(1);
    systemd.units["b.service"] = active(2);
  }

  void follow(std::chrono::milliseconds patience = 60s) {
    StreamCallbacks callbacks;
    callbacks.on_look = [this](std::vector<Unit> units) { looks.push_back(std::move(units)); };
    callbacks.on_change = [this](const Unit& unit) { changes.push_back(unit); };
    stream.emplace(context.get_executor(), systemd.socket_path(), std::move(callbacks), patience);
    stream->watch({"a.service", "b.service"});
    begin();
  }
  void begin() {
    auto guarded = detail::as_outcome<void>(stream->follow());
    ended.reset();
    asio::co_spawn(context, std::move(guarded), [this](const std::exception_ptr&, auto outcome) {
      ended = outcome.failure;
    });
  }
  void await(const std::string& reason, const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + 60s;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) {
        throw std::runtime_error{"waited in vain until " + reason};
      }
      context.run_one_for(10ms);
    }
  }
  void await_look(std::size_t count = 1) {
    await("all were looked at", [&] { return looks.size() >= count; });
  }
  [[nodiscard]] std::string reason_of_end() const {
    try {
      std::rethrow_exception(*ended);
    } catch (const Error& error) {
      return error.reason();
    }
  }
  static std::vector<std::string> names_of(const std::vector<Unit>& units) {
    std::vector<std::string> names;
    for (const auto& unit : units) names.push_back(unit.name + " " + unit.active_state);
    return names;
  }

  asio::io_context context{1};
  FakeSystemd systemd{context};
  std::vector<std::vector<Unit>> looks;
  std::vector<Unit> changes;
  std::optional<std::exception_ptr> ended;
  std::optional<UnitStream> stream;
};

TEST_F(StreamTest, LooksAtAllFirstThenTellsEachChangeWhole) {
  follow();
  await_look();
  EXPECT_THAT(names_of(looks[0]), ElementsAre("a.service active", "b.service active"));
  EXPECT_TRUE(changes.empty());
  systemd.change("a.service",
                 {{"MainPID", std::uint64_t{0}},
                  {"Result", std::string{"signal"}},
                  {"ExecMainCode", std::int64_t{2}},
                  {"ExecMainStatus", std::int64_t{9}}},
                 {{"ActiveState", std::string{"failed"}}, {"SubState", std::string{"failed"}}});
  await("the change is told", [&] { return !changes.empty(); });
  // What belongs to the service came with it, in one.
  EXPECT_EQ(changes[0].active_state, "failed");
  EXPECT_EQ(changes[0].exit_code(), 137);
  EXPECT_EQ(changes[0].main_pid, 0);
}

TEST_F(StreamTest, NoStateInBetweenIsLost) {
  follow();
  await_look();
  for (const auto* state : {"deactivating", "inactive", "activating", "active"}) {
    systemd.change("a.service", {}, {{"ActiveState", std::string{state}}});
  }
  std::vector<std::string> seen;
  await("all are told", [&] {
    seen.clear();
    for (const auto& unit : changes) {
      if (seen.empty() || seen.back() != unit.active_state) seen.push_back(unit.active_state);
    }
    return !seen.empty() && seen.back() == "active";
  });
  EXPECT_THAT(seen, ElementsAre("deactivating", "inactive", "activating", "active"));
}

TEST_F(StreamTest, AUnitThatDoesNotExistIsDown) {
  systemd.units.erase("b.service");
  follow();
  await_look();
  EXPECT_THAT(names_of(looks[0]), ElementsAre("a.service active", "b.service inactive"));
  EXPECT_EQ(looks[0][1].load_state, "not-found");
}

/// systemd loads it for the question, says that it is new, and forgets it again.
TEST_F(StreamTest, AskingForOneThatNobodyRunsHasAnEnd) {
  systemd.units.erase("b.service");
  follow();
  await_look();
  systemd.change("a.service", {}, {{"SubState", std::string{"reload"}}});
  await("the change is told", [&] { return !changes.empty(); });
  EXPECT_EQ(std::count(systemd.calls.begin(), systemd.calls.end(), "LoadUnit b.service"), 1);
}

TEST_F(StreamTest, OneThatComesAnewIsReadWhole) {
  systemd.units.erase("b.service");
  follow();
  await_look();
  systemd.units["b.service"] = active(7);
  systemd.tell_new("b.service");
  await("it is told", [&] { return !changes.empty(); });
  EXPECT_EQ(changes[0].name, "b.service");
  EXPECT_EQ(changes[0].main_pid, 7);
  EXPECT_EQ(changes[0].control_group, "/system.slice/x");
}

TEST_F(StreamTest, AnotherChoiceIsLookedAtAtOnce) {
  follow();
  await_look();
  systemd.units["c.service"] = active(3);
  stream->watch({"a.service", "c.service"});
  await_look(2);
  EXPECT_THAT(names_of(looks[1]), ElementsAre("a.service active", "c.service active"));
}

TEST_F(StreamTest, ALostConnectionEndsItAndTheNextLooksAgain) {
  follow();
  await_look();
  systemd.hang_up();
  await("it ends", [&] { return ended.has_value(); });
  EXPECT_EQ(reason_of_end(), "SYSTEMD_UNAVAILABLE");
  begin();
  await_look(2);
}

TEST_F(StreamTest, AFrozenOneIsGivenUp) {
  follow(50ms);
  await_look();
  systemd.freeze();
  await("it ends", [&] { return ended.has_value(); });
  EXPECT_EQ(reason_of_end(), "SYSTEMD_TIMEOUT");
}

}  // namespace
}  // namespace portoser::agent::systemd
