// compose.deploy with the action "activate" and compose.confirm as the agent sees them, with
// portoser-deployment played by a script.
#include "agent/deployments/parameters.h"
#include "common/describe_json.h"
#include "tests/unit/actions/deploy_fixture.h"

#include <signal.h>

namespace portoser::agent::actions {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Activate : public Deploy {
 protected:
  using Change = std::function<void(protocol::ComposeDeploy&)>;

  protocol::Command activate(const Change& change = [](auto&) {}) const {
    return deploy([&](auto& arguments) {
      arguments.action = "activate";
      arguments.lease.boot_id = "boot-1";
      arguments.lease.begin_by_ns = in(std::chrono::seconds{60});
      arguments.lease.ends_at_ns = in(std::chrono::seconds{600});
      change(arguments);
    });
  }
  protocol::Command confirm(const std::string& activation) const {
    protocol::ComposeConfirm arguments;
    arguments.target = target();
    arguments.activation = activation;
    auto out = command<protocol::ComposeConfirm>(new_id());
    out.arguments = protocol::encode_arguments(arguments);
    return out;
  }
  [[nodiscard]] std::int64_t in(std::chrono::nanoseconds time) const {
    return (clock.uptime() + time).count();
  }
  [[nodiscard]] std::filesystem::path journal(const std::string& id) const {
    return settings.data_folder / "journal" / id;
  }
  [[nodiscard]] runner::Spec spec_of(const std::string& id) const {
    return runner::spec_from(read_file(journal(id) / "spec.json"));
  }
};

TEST_F(Activate, MakesAndHoldsBeforeItStartsAndKeepsOnceItIsConfirmed) {
  script("confirm", "echo confirmed > \"$2/verdict\"");
  const auto some = activate();
  actions->handle(some);
  await_result();
  EXPECT_TRUE(results[0].succeeded) << results[0].message;
  EXPECT_THAT(calls(),
              ElementsAre("keep-before",
                          "config -q",
                          "images",
                          "up --no-start --no-build",
                          "hold",
                          "up-held",
                          "health",
                          "confirm",
                          "release",
                          "keep",
                          "tidy"));
  EXPECT_THAT(windows, ElementsAre("begin notes compose.up", "end notes ok"));
  EXPECT_THAT(progress.front().steps,
              ElementsAre("keep-before",
                          "check",
                          "images",
                          "create",
                          "hold",
                          "up",
                          "health",
                          "confirm",
                          "release",
                          "keep"));
}

TEST_F(Activate, OfOneServiceMakesNoOther) {
  script("confirm", "echo confirmed > \"$2/verdict\"");
  actions->handle(activate([](auto& arguments) { arguments.target.compose_service = "web"; }));
  await_result();
  EXPECT_THAT(calls(), testing::Contains("up --no-start --no-build --no-deps web"));
}

TEST_F(Activate, HasTheEarlierOfItsTwoEnds) {
  script("confirm", "echo confirmed > \"$2/verdict\"");
  const auto ends_at = in(std::chrono::seconds{20});
  const auto first = activate([&](auto& arguments) {
    arguments.lease.ends_at_ns = ends_at;
    arguments.probe.type = "tcp";
    arguments.probe.port = 5432;
  });
  actions->handle(first);
  await_result();
  EXPECT_EQ(spec_of(first.id).deadline_ns, ends_at);
  deployments::Parameters parameters;
  from_json(Json::parse(read_file(journal(first.id) / "parameters.json")), parameters, "");
  EXPECT_EQ(parameters.lease_boot_id, "boot-1");
  EXPECT_EQ(parameters.lease_ends_at_ns, ends_at);
  EXPECT_EQ(parameters.folder, journal(first.id).string());
  EXPECT_EQ(parameters.probe.type, "tcp");
  EXPECT_EQ(parameters.probe.port, 5432);
  const auto second = activate();  // a minute is less than its lease
  actions->handle(second);
  await_result(2);
  EXPECT_LT(spec_of(second.id).deadline_ns, in(std::chrono::seconds{61}));
}

TEST_F(Activate, IsNotBegunWithoutALeaseOrBehindIt) {
  const std::vector<std::pair<Change, std::string>> cases{
      {[](auto& arguments) { arguments.lease = {}; }, "INVALID"},
      {[](auto& arguments) { arguments.lease.boot_id = "boot-0"; }, "LEASE_OVER"},
      {[&](auto& arguments) { arguments.lease.begin_by_ns = in(std::chrono::nanoseconds{-1}); },
       "LEASE_OVER"},
      {[&](auto& arguments) { arguments.lease.ends_at_ns = in(std::chrono::nanoseconds{-1}); },
       "LEASE_OVER"},
      {[](auto& arguments) { arguments.probe.type = "icmp"; }, "INVALID"},
      {[](auto& arguments) { arguments.probe.type = "tcp"; }, "INVALID"},
      {[](auto& arguments) { arguments.replaces_text = true; }, "INVALID"}};
  for (const auto& [change, reason] : cases) {
    results.clear();
    actions->handle(activate(change));
    await_result();
    EXPECT_FALSE(results[0].succeeded);
    EXPECT_EQ(results[0].reason, reason) << results[0].message;
  }
  EXPECT_THAT(calls(), IsEmpty());
  EXPECT_THAT(windows, IsEmpty());
}

TEST_F(Activate, ThatIsNotConfirmedIsWithdrawn) {
  script("confirm", "echo 'NOT_CONFIRMED: nobody did'; exit 1");
  actions->handle(activate());
  await_result();
  EXPECT_EQ(results[0].reason, "NOT_CONFIRMED");
  EXPECT_EQ(results[0].code, "conflict");
  EXPECT_EQ(results[0].undone, "returned");
  EXPECT_EQ(results[0].message, "nobody did; nothing of it runs here");
  const auto all = calls();
  ASSERT_GE(all.size(), 2U);
  EXPECT_EQ(all[all.size() - 2], "withdraw");
}

TEST_F(Activate, ThatCannotBeWithdrawnSaysSo) {
  script("health", "echo 'HEALTH_NOT_BACK: web is not healthy'; exit 1");
  script("withdraw", "echo 'INTERNAL: it does not end'; exit 1");
  actions->handle(activate());
  await_result();
  EXPECT_EQ(results[0].undone, "failed");
  EXPECT_THAT(results[0].message, HasSubstr("could not be ended: it does not end"));
}

TEST_F(Activate, OfWhatRunsAlreadyTouchesNothing) {
  script("keep-before", "echo 'CONTAINER_EXISTS: web runs'; exit 1");
  actions->handle(activate());
  await_result();
  EXPECT_EQ(results[0].reason, "CONTAINER_EXISTS");
  EXPECT_EQ(results[0].undone, "");
  EXPECT_THAT(calls(), ElementsAre("keep-before", "tidy"));
}

TEST_F(Activate, AgentAndRunnerKilledAfterTheWordAreFollowedByAnAgentThatFinishes) {
  script("confirm",
         "echo confirmed > \"$2/verdict\"; echo $$ > \"$dir/child\"; "
         "while :; do sleep 1; done");
  const auto some = activate();
  actions->handle(some);
  await("it is confirmed", [&] { return pid_in("child") > 0; });
  end(actions);
  ASSERT_EQ(::kill(runner_pid(some.id), SIGKILL), 0);
  await("the runner is gone", [&] { return !alive(runner_pid(some.id)); });
  std::filesystem::remove(folder / "tool/calls");
  restart_agent_that_is_gone();
  await_result();
  EXPECT_TRUE(results[0].succeeded) << results[0].message;
  EXPECT_THAT(calls(), ElementsAre("release", "keep", "tidy"));
}

TEST_F(Activate, AgentAndRunnerKilledBeforeTheWordAreFollowedByAnAgentThatWithdraws) {
  for (const auto* step : {"up", "hold", "up-held", "health", "confirm"}) {
    script(step, "echo $$ > \"$dir/child\"; while :; do sleep 1; done");
    const auto some = activate();
    actions->handle(some);
    await("it is there", [&] { return pid_in("child") > 0; });
    end(actions);
    ASSERT_EQ(::kill(runner_pid(some.id), SIGKILL), 0);
    await("the runner is gone", [&] { return !alive(runner_pid(some.id)); });
    std::filesystem::remove(folder / "tool/calls");
    std::filesystem::remove(folder / "tool/child");
    std::filesystem::remove(folder / ("tool/do-" + std::string{step}));
    results.clear();
    restart_agent_that_is_gone();
    await_result();
    EXPECT_EQ(results[0].reason, "ACTION_INTERRUPTED") << step;
    EXPECT_EQ(results[0].undone, "returned") << step;
    EXPECT_THAT(calls(), ElementsAre("withdraw", "tidy")) << step;
    std::filesystem::remove(folder / "tool/calls");
  }
}

TEST_F(Activate, IsConfirmedWhileItHoldsItsLocks) {
  script("confirm",
         "echo $$ > \"$dir/child\"; while ! grep -qs . \"$2/verdict\"; do sleep 0.02; "
         "done");
  const auto some = activate();
  const auto verdict = journal(some.id) / "verdict";
  script("grant", "echo confirmed > " + verdict.string());
  actions->handle(some);
  await("it waits", [&] { return pid_in("child") > 0; });
  const auto word = confirm(some.id);
  actions->handle(word);
  await_result(2);
  for (const auto& result : results) EXPECT_TRUE(result.succeeded) << result.message;
  deployments::Parameters parameters;
  from_json(Json::parse(read_file(journal(word.id) / "parameters.json")), parameters, "");
  EXPECT_EQ(parameters.action, "confirm");
  EXPECT_EQ(parameters.activation, journal(some.id).string());
  // The word is no doing of its own: the window is the activation's.
  EXPECT_THAT(windows, ElementsAre("begin notes compose.up", "end notes ok"));
}

TEST_F(Activate, AConfirmationThatComesTooLateSaysSo) {
  script("grant", "echo 'NOT_CONFIRMED: too late'; exit 1");
  script("grant-again", "exit 100");
  actions->handle(confirm(new_id()));
  await_result();
  EXPECT_EQ(results[0].reason, "NOT_CONFIRMED");
  EXPECT_EQ(results[0].message, "too late");
  EXPECT_EQ(results[0].undone, "");
  EXPECT_THAT(calls(), ElementsAre("grant", "grant-again"));
}

TEST_F(Activate, AConfirmationThatWasCutOffIsGivenAgainAndTellsTheTruth) {
  const auto activation = new_id();
  make_folder(journal(activation));
  script("grant", "kill -9 $PPID");
  script("grant-again",
         "echo confirmed > " + (journal(activation) / "verdict").string() + "; exit 100");
  actions->handle(confirm(activation));
  await_result();
  EXPECT_TRUE(results[0].succeeded) << results[0].message;
  EXPECT_THAT(calls(), ElementsAre("grant", "grant-again"));
}

TEST_F(Activate, AConfirmationOfNoCommandIsInvalid) {
  for (const auto* id : {"", "../01ARZ3NDEKTSV4RRFFQ69G5FAV"}) {
    results.clear();
    actions->handle(confirm(id));
    await_result();
    EXPECT_EQ(results[0].reason, "INVALID");
  }
  EXPECT_THAT(calls(), IsEmpty());
}

}  // namespace
}  // namespace portoser::agent::actions
