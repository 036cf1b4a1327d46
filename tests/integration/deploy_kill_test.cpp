// Agent, runner or both are killed in each step of a change: the service ends as it was or as it
// shall be, never as neither.
#include "common/crypto.h"
#include "common/file.h"
#include "common/ids.h"
#include "tests/integration/deploy_fixture.h"
#include "tests/support/await.h"

#include <fmt/format.h>

#include <cstdlib>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;
using testing::AnyOf;
using testing::ElementsAre;

enum class Victim { agent, runner, both };

struct KillCase {
  Victim victim;
  std::string step;
};
void PrintTo(const KillCase& one, std::ostream* out) {
  constexpr const char* names[] = {"agent", "runner", "both"};
  *out << names[static_cast<int>(one.victim)] << " in " << one.step;
}

/// Of the cases below only some are tried every time.
bool asks_for_all() {
  return std::getenv("PORTOSER_TEST_ALL_KILLS") != nullptr;
}

class DeployKill : public DeployTest, public testing::WithParamInterface<KillCase> {
 protected:
  [[nodiscard]] static std::string text_with(int i) {
    return fmt::format(
        "version: '3'\nservices:\n  web: {{image: portoser-test/busybox, command: sleep 100000, "
        "stop_signal: SIGKILL, environment: ['V={}', 'D=${{D:-none}}']}}\n",
        i);
  }
  void strike(const std::string& id) {
    if (GetParam().victim != Victim::runner) agent_.kill();
    if (GetParam().victim != Victim::agent) kill_runner(id);
    if (GetParam().victim != Victim::runner) start_agent();
  }
};

TEST_P(DeployKill, EndsAsTheOldOrAsTheNew) {
  ASSERT_TRUE(deploy_text(text_with(1), deployment_id(1)).succeeded);
  const auto old = what_runs();
  const auto id = send([&](auto& arguments) {
    arguments.replaces_text = true;
    arguments.text = text_with(2);
    arguments.revision = store_.find("notes", deployment_id(1))->text_sha256;
    arguments.deployment = deployment_id(2);
  });
  ASSERT_TRUE(await_step(id, GetParam().step));
  strike(id);
  const auto result = await_result(id);
  const auto now = what_runs();
  ASSERT_EQ(now.size(), 1U) << log_of(id);
  if (result.succeeded) {
    EXPECT_EQ(text(), text_with(2));
    EXPECT_THAT(now[0], testing::HasSubstr("V=2"));
    EXPECT_THAT(now[0], testing::HasSubstr("true"));
    EXPECT_TRUE(store_.find("notes", deployment_id(2)).has_value());
  } else {
    EXPECT_EQ(result.reason, "ACTION_INTERRUPTED") << result.message;
    EXPECT_THAT(result.undone, AnyOf("", "returned")) << result.message << log_of(id);
    EXPECT_EQ(now, old) << log_of(id);
    EXPECT_EQ(text(), text_with(1));
  }
  EXPECT_THAT(files(), ElementsAre("docker-compose.yml"));
  if (!asks_for_all()) return;
  // And it goes on from there.
  const auto next = deploy_text(text_with(3), deployment_id(3));
  EXPECT_TRUE(next.succeeded) << next.message;
}

class RestoreKill : public DeployKill {
 protected:
  void deploy_number(int number) {
    project_.write_file(".env", fmt::format("D={}\n", number));
    const auto result = deploy_text(text_with(number), deployment_id(number));
    ASSERT_TRUE(result.succeeded) << result.message;
  }
  /// The text and the variables of that deployment, in one.
  void expect_files_of(int number) {
    EXPECT_EQ(text(), text_with(number));
    EXPECT_EQ(read_file(project_.folder() / ".env"), fmt::format("D={}\n", number));
    EXPECT_THAT(files(), ElementsAre(".env", "docker-compose.yml"));
  }
};

TEST_P(RestoreKill, EndsAsTheNewerOrAsTheOlder) {
  ASSERT_NO_FATAL_FAILURE(deploy_number(1));
  const auto older = what_runs();
  ASSERT_NO_FATAL_FAILURE(deploy_number(2));
  const auto newer = what_runs();
  ASSERT_NE(older, newer);
  const auto id = send([&](auto& arguments) {
    arguments.action = "restore";
    arguments.restore = deployment_id(1);
    arguments.deployment = deployment_id(3);
  });
  ASSERT_TRUE(await_step(id, GetParam().step));
  strike(id);
  const auto result = await_result(id);
  if (result.succeeded) {
    EXPECT_EQ(what_runs(), older) << log_of(id);
    expect_files_of(1);
    EXPECT_TRUE(store_.find("notes", deployment_id(3)).has_value());
  } else {
    EXPECT_EQ(result.reason, "ACTION_INTERRUPTED") << result.message;
    EXPECT_THAT(result.undone, AnyOf("", "returned")) << result.message << log_of(id);
    EXPECT_EQ(what_runs(), newer) << log_of(id);
    expect_files_of(2);
  }
  if (!asks_for_all()) return;
  // And it goes on from there.
  const auto next = deploy([&](auto& arguments) {
    arguments.action = "restore";
    arguments.restore = deployment_id(1);
  });
  EXPECT_TRUE(next.succeeded) << next.message;
  EXPECT_EQ(what_runs(), older);
  expect_files_of(1);
}

std::vector<KillCase> every_victim_in(const std::vector<std::string>& steps) {
  std::vector<KillCase> all;
  for (const auto victim : {Victim::agent, Victim::runner, Victim::both}) {
    for (const auto& step : steps) all.push_back({victim, step});
  }
  return all;
}

/// All of them take ten minutes, and those of a restore too; those that went wrong most easily are
/// asked for every time.
std::vector<KillCase> cases() {
  if (asks_for_all()) {
    return every_victim_in({"keep-before",
                            "check",
                            "images",
                            "install",
                            "stop-gone",
                            "up",
                            "health",
                            "remove-gone",
                            "keep",
                            "tidy"});
  }
  return {{Victim::agent, "up"},
          {Victim::runner, "install"},
          {Victim::runner, "health"},
          {Victim::runner, "keep"},
          {Victim::both, "images"},
          {Victim::both, "up"},
          {Victim::both, "health"}};
}

std::vector<KillCase> restores() {
  if (asks_for_all()) {
    return every_victim_in({"keep-before",
                            "check-kept",
                            "install",
                            "stop-gone",
                            "up",
                            "health",
                            "remove-gone",
                            "keep",
                            "tidy"});
  }
  return {{Victim::runner, "install"}, {Victim::both, "up"}, {Victim::runner, "keep"}};
}

INSTANTIATE_TEST_SUITE_P(Everywhere, DeployKill, testing::ValuesIn(cases()));
INSTANTIATE_TEST_SUITE_P(Everywhere, RestoreKill, testing::ValuesIn(restores()));

class DeployKillTwice : public DeployTest {};

TEST_F(DeployKillTwice, AnUndoThatIsKilledIsDoneByTheNext) {
  make_image("app:1");
  make_image("app:bad", "RUN true");
  const auto text_with = [](const std::string& image) {
    return "version: '3'\nservices:\n  web: {image: '" + image + "'}\n";
  };
  ASSERT_TRUE(deploy_text(text_with("app:1"), deployment_id(1)).succeeded);
  const auto old = what_runs();
  for (const auto* step : {"undo", "undo-up", "undo-health"}) {
    const auto id = send([&](auto& arguments) {
      arguments.replaces_text = true;
      arguments.text = text_with("app:bad");
      arguments.revision = store_.find("notes", deployment_id(1))->text_sha256;
    });
    ASSERT_TRUE(await_step(id, step));
    agent_.kill();
    kill_runner(id);
    start_agent();
    const auto result = await_result(id);
    EXPECT_FALSE(result.succeeded);
    EXPECT_EQ(result.undone, "returned") << step << ": " << result.message << log_of(id);
    EXPECT_EQ(what_runs(), old) << step;
    EXPECT_EQ(text(), text_with("app:1"));
  }
}

/// As when the power comes back: the agent is there before the engine.
TEST_F(DeployKillTwice, AnUndoWaitsForTheEngine) {
  make_image("app:1");
  make_image("app:bad", "RUN true");
  project_.write("version: '3'\nservices:\n  web: {image: 'app:1'}\n");
  ASSERT_TRUE(deploy([](auto&) {}).succeeded);
  const auto old = what_runs();
  const auto before = text();
  const auto id = send([&](auto& arguments) {
    arguments.replaces_text = true;
    arguments.text = "version: '3'\nservices:\n  web: {image: 'app:bad'}\n";
    arguments.revision = to_hex(sha256(before));
  });
  ASSERT_TRUE(await_step(id, "health"));
  agent_.kill();
  kill_runner(id);
  engine_.stop();
  start_agent();
  await_until(
      "it waits",
      60s,
      [&] { return log_of(id).find("waiting for the engine") != std::string::npos; },
      [&] { return log_of(id); });
  EXPECT_EQ(text(), before) << "the file needs no engine";
  engine_.start();
  const auto result = await_result(id);
  EXPECT_EQ(result.undone, "returned") << result.message << log_of(id);
  EXPECT_EQ(what_runs(), old);
}

}  // namespace
}  // namespace portoser::test
