// What was moved here, and whose it is.
#include "agent/deployments/program/held_containers.h"
#include "agent/deployments/program/verdict.h"
#include "common/describe_json.h"
#include "common/error.h"
#include "common/file.h"
#include "tests/unit/deployments/work_fixture.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <fstream>
#include <signal.h>
#include <unistd.h>

namespace portoser::agent::deployments {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

class Activation : public WorkTest {
 protected:
  Activation() {
    parameters.action = "activate";
    parameters.lease_boot_id = boot_id;
    parameters.lease_ends_at_ns = (clock_us + 60'000'000) * 1000;
    make_folder(parameters.folder);
    write_file_atomic(fs::path{parameters.folder} / "parameters.json", dump(to_json(parameters)));
  }

  engine::Container& add_created(const std::string& id,
                                 const std::string& compose_service,
                                 const std::string& policy) {
    auto& container = add(id, compose_service, "sha256:a1");
    container.state = "created";
    container.restart_policy = policy;
    return container;
  }
  /// Made and held, as before `up`.
  void hold_two() {
    EXPECT_EQ(run("keep-before"), 0);
    add_created("w", "web", "unless-stopped");
    auto& base = add_created("d", "db", "on-failure");
    base.restart_limit = 5;
    EXPECT_EQ(run("hold"), 0);
    engine.policies.clear();
  }
  void start_two() {
    hold_two();
    EXPECT_EQ(run("up-held"), 0);
    for (auto& container : engine.list) container.state = "running";
  }
  /// By `compose.confirm`.
  std::string reason_of_grant() {
    const auto activation = parameters;
    parameters = {};
    parameters.command = "01ARZ3NDEKTSV4RRFFQ69G5FAX";
    parameters.action = "confirm";
    parameters.activation = activation.folder;
    const auto reason = reason_of("grant");
    parameters = activation;
    return reason;
  }
  [[nodiscard]] std::optional<Verdict> verdict() const {
    return VerdictFile{parameters.folder}.read();
  }
  [[nodiscard]] std::int64_t seconds_since(std::int64_t then_us) const {
    return (clock_us - then_us) / 1'000'000;
  }
};

TEST_F(Activation, OfWhatRunsAlreadyIsRefusedAndLeavesItAlone) {
  add("w", "web", "sha256:a1");
  EXPECT_EQ(reason_of("keep-before"), "CONTAINER_EXISTS");
  EXPECT_EQ(reason_of_grant(), "NOT_CONFIRMED");
  EXPECT_EQ(run("tidy"), 0);
  EXPECT_EQ(engine.list.size(), 1U);
  EXPECT_THAT(calls(), IsEmpty());
}

TEST_F(Activation, HasOnlyImagesThatAreNotHere) {
  write_file_atomic(
      file,
      "services: {web: {image: 'app:1'}, db: {image: 'base:2'}, a: {build: .}, b: {build: .}}\n");
  engine.images["notes_a"] = "sha256:a2";  // it came from the other host
  EXPECT_EQ(run("keep-before"), 0);
  EXPECT_EQ(run("images"), 0);
  EXPECT_THAT(calls(), ElementsAre("pull db", "build b"));
}

TEST_F(Activation, WritesPoliciesDownBeforeItTakesThem) {
  EXPECT_EQ(run("keep-before"), 0);
  add_created("w", "web", "always");
  auto& base = add_created("d", "db", "on-failure");
  base.restart_limit = 5;
  add_created("x", "extra", "no");
  std::vector<std::size_t> written;
  engine.on_policy = [&](const std::string&) {
    written.push_back(read_held(parameters.folder).value().containers.size());
  };
  EXPECT_EQ(run("hold"), 0);
  EXPECT_THAT(engine.policies, ElementsAre("w no", "d no"));
  EXPECT_THAT(written, ElementsAre(3U, 3U));
  engine.on_policy = {};
  EXPECT_EQ(run("hold"), 0) << "again, after a kill";
  const auto held = read_held(parameters.folder).value();
  ASSERT_EQ(held.containers.size(), 3U);
  EXPECT_EQ(held.find("w")->policy, "always");
  EXPECT_EQ(held.find("d")->policy, "on-failure:5");
}

TEST_F(Activation, HoldsNothingThatRuns) {
  EXPECT_EQ(run("keep-before"), 0);
  add_created("w", "web", "always").state = "running";
  EXPECT_EQ(reason_of("hold"), "CONTAINER_EXISTS");
}

TEST_F(Activation, MakesNothingAnewWhenItStarts) {
  hold_two();
  parameters.compose_service = "web";
  EXPECT_EQ(run("up-held"), 0);
  EXPECT_THAT(calls(), ElementsAre("up -d --no-build --no-recreate --no-deps web"));
}

TEST_F(Activation, IsWellOnceItsProbeSucceeds) {
  start_two();
  parameters.probe.type = "tcp";
  parameters.probe.port = 5432;
  std::vector<std::int64_t> attempts;
  ask_probe = [&](const auto& probe, auto) {
    attempts.push_back(probe.port);
    return ProbeAnswer{attempts.size() == 3, "it was asked"};
  };
  EXPECT_EQ(run("health"), 0);
  EXPECT_THAT(attempts, ElementsAre(5432, 5432, 5432));
}

TEST_F(Activation, WhoseProbeNeverSucceedsSaysHowItWasAnsweredLast) {
  start_two();
  parameters.probe.type = "http";
  int attempts = 0;
  std::chrono::milliseconds shortest{std::chrono::hours{1}};
  ask_probe = [&](const auto&, auto limit) {
    shortest = std::min(shortest, limit);
    return ProbeAnswer{false, ++attempts == 1 ? "nothing listens" : "GET / answers 503"};
  };
  const auto began_us = clock_us;
  try {
    run("health");
    ADD_FAILURE() << "it was well";
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), "HEALTH_NOT_BACK");
    EXPECT_EQ(error.message(), "GET / answers 503, after 5 s");
    EXPECT_THAT(error.hint(), testing::HasSubstr("docker logs --tail 50 notes_web_1"));
  }
  EXPECT_EQ(seconds_since(began_us), 5);
  EXPECT_GT(attempts, 5);
  EXPECT_EQ(shortest, std::chrono::seconds{1}) << "at the end it does not hold up the way back";
}

TEST_F(Activation, ItsProbeWaitsForItsContainersAndLooksAtThem) {
  start_two();
  parameters.probe.type = "http";
  engine.list[0].health = "starting";
  int attempts = 0;
  ask_probe = [&](const auto&, auto) {
    ++attempts;
    return ProbeAnswer{};
  };
  EXPECT_EQ(reason_of("health"), "HEALTH_NOT_BACK");
  EXPECT_EQ(attempts, 0);
  engine.list[0].health = "healthy";
  on_pause = [&] {
    engine.list[0].state = "exited";
    engine.list[0].exit_code = 3;
  };
  EXPECT_EQ(reason_of("health"), "CONTAINER_EXITED") << "between two attempts";
  EXPECT_EQ(attempts, 1);
}

TEST_F(Activation, WaitsForItsConfirmation) {
  start_two();
  int pauses = 0;
  std::string granted = "not asked";
  on_pause = [&] {
    if (++pauses == 7) granted = reason_of_grant();
  };
  EXPECT_EQ(run("confirm"), 0);
  EXPECT_EQ(granted, "");
  EXPECT_EQ(pauses, 7);
}

TEST_F(Activation, IsOverWithItsLease) {
  start_two();
  EXPECT_EQ(reason_of("confirm"), "NOT_CONFIRMED");
  const auto left_ns = parameters.lease_ends_at_ns - clock_us * 1000;
  EXPECT_GE(left_ns, 0);
  EXPECT_LE(left_ns, 1'000'000'000);
  EXPECT_EQ(verdict(), Verdict::expired);
  EXPECT_EQ(reason_of_grant(), "NOT_CONFIRMED");
}

TEST_F(Activation, IsConfirmedOnceForAll) {
  start_two();
  EXPECT_EQ(reason_of_grant(), "");
  EXPECT_EQ(reason_of_grant(), "") << "again";
  clock_us += 120'000'000;
  EXPECT_EQ(reason_of_grant(), "") << "after its lease";
  boot_id = "boot-2";
  EXPECT_EQ(reason_of_grant(), "") << "after a boot";
  write_file_atomic(fs::path{parameters.folder} / "outcome.json", "{}");
  EXPECT_EQ(reason_of_grant(), "") << "after its end";
  EXPECT_EQ(run("confirm"), 0);
}

TEST_F(Activation, IsNotConfirmedWhenItsLeaseIsOver) {
  start_two();
  clock_us = parameters.lease_ends_at_ns / 1000;
  EXPECT_EQ(reason_of_grant(), "NOT_CONFIRMED");
  EXPECT_EQ(verdict(), Verdict::expired);
}

TEST_F(Activation, IsNotConfirmedAfterABoot) {
  start_two();
  boot_id = "boot-2";
  EXPECT_EQ(reason_of_grant(), "NOT_CONFIRMED");
  boot_id = "boot-1";
  EXPECT_EQ(reason_of_grant(), "NOT_CONFIRMED") << "never";
}

TEST_F(Activation, IsNotConfirmedBeforeItIsHeldOrAfterItsEnd) {
  EXPECT_EQ(reason_of_grant(), "NOT_CONFIRMED");
  EXPECT_EQ(verdict(), Verdict::expired);
  fs::remove(fs::path{parameters.folder} / verdict_name);
  start_two();
  write_file_atomic(fs::path{parameters.folder} / "outcome.json", "{}");
  EXPECT_EQ(reason_of_grant(), "NOT_CONFIRMED");
}

TEST_F(Activation, ThatIsNotThereOrIsNoneIsNotConfirmed) {
  const auto folder_before = parameters.folder;
  parameters.folder += "X";
  EXPECT_EQ(reason_of_grant(), "NOT_CONFIRMED");
  parameters.folder = folder_before;
  auto other = parameters;
  other.action = "up";
  write_file_atomic(fs::path{parameters.folder} / "parameters.json", dump(to_json(other)));
  EXPECT_EQ(reason_of_grant(), "NOT_CONFIRMED");
  EXPECT_FALSE(verdict());
}

TEST_F(Activation, GivesPoliciesBackAndStartsNothingAnew) {
  start_two();
  EXPECT_EQ(run("release"), 0);
  EXPECT_EQ(run("release"), 0) << "again, after a kill";
  EXPECT_THAT(engine.policies, ElementsAre("w unless-stopped", "d on-failure:5"));
  EXPECT_EQ(calls().size(), 1U) << "the start itself";
}

TEST_F(Activation, StartsAgainWhatABootEnded) {
  start_two();
  for (auto& container : engine.list) container.state = "exited";
  engine.away = 30;
  EXPECT_EQ(run("release"), 0);
  EXPECT_EQ(calls().size(), 2U);
  EXPECT_EQ(engine.policies.size(), 2U);
}

TEST_F(Activation, RunsNothingTwiceThatHadDoneItsWork) {
  start_two();
  engine.list[1].state = "exited";  // with 0
  EXPECT_EQ(run("release"), 0);
  EXPECT_EQ(calls().size(), 1U);
  engine.list[1].state = "created";  // the runner was killed before
  EXPECT_EQ(run("release"), 0);
  EXPECT_EQ(calls().size(), 2U);
}

TEST_F(Activation, ThatWasConfirmedIsNotWithdrawn) {
  start_two();
  EXPECT_EQ(reason_of_grant(), "");
  EXPECT_EQ(run("withdraw"), nothing_to_undo);
  EXPECT_EQ(run("tidy"), 0);
  EXPECT_EQ(engine.list.size(), 2U);
}

TEST_F(Activation, IsWithdrawnByTheEngine) {
  start_two();
  EXPECT_EQ(run("withdraw"), 0);
  EXPECT_THAT(engine.stops, ElementsAre("w in 1 s", "d in 1 s"));
  EXPECT_THAT(engine.list, IsEmpty());
  EXPECT_EQ(verdict(), Verdict::expired);
  EXPECT_EQ(run("withdraw"), 0) << "again, after a kill";
  EXPECT_EQ(run("tidy"), 0);
  EXPECT_THAT(calls(), Contains("down"));
}

TEST_F(Activation, OfOneServiceTakesNoNetworkFromTheOthers) {
  start_two();
  parameters.compose_service = "web";
  EXPECT_EQ(run("withdraw"), 0);
  EXPECT_EQ(run("tidy"), 0);
  ASSERT_EQ(engine.list.size(), 1U);
  EXPECT_EQ(engine.list[0].id, "d");
  EXPECT_THAT(calls(), testing::Not(Contains("down")));
}

TEST_F(Activation, IsWithdrawnAlsoWhenItsVerdictCannotBeWritten) {
  start_two();
  write_file_atomic(fs::path{parameters.folder} / verdict_name, "con");
  EXPECT_EQ(reason_of("withdraw"), "INTERNAL");
  EXPECT_THAT(engine.list, IsEmpty());
}

/// A process in the place of those of a container.
class StandIn {
 public:
  StandIn() : pid_(::fork()) {
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, static_cast<unsigned long>(SIGKILL), 0UL, 0UL, 0UL);
    for (;;) ::pause();
  }
  ~StandIn() {
    if (!is_alive()) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  StandIn(const StandIn&) = delete;
  StandIn& operator=(const StandIn&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  bool is_alive() {
    if (!has_ended_) has_ended_ = ::waitpid(pid_, &status_, WNOHANG) == pid_;
    return !has_ended_;
  }
  [[nodiscard]] int signal() const { return WIFSIGNALED(status_) ? WTERMSIG(status_) : 0; }

 private:
  pid_t pid_;
  bool has_ended_ = false;
  int status_ = 0;
};

TEST_F(Activation, ThatAFrozenEngineDoesNotEndIsKilled) {
  start_two();
  StandIn process;
  std::set<std::string> asked;
  find_processes = [&](const std::set<std::string>& ids) {
    asked = ids;
    return process.is_alive() ? std::vector<pid_t>{process.pid()} : std::vector<pid_t>{};
  };
  engine.frozen = true;
  const auto began = clock_us;
  EXPECT_EQ(run("withdraw"), 0);
  EXPECT_FALSE(process.is_alive());
  EXPECT_EQ(process.signal(), SIGKILL);
  EXPECT_GE(seconds_since(began), 10);
  EXPECT_THAT(asked, ElementsAre("d", "w"));
  EXPECT_EQ(verdict(), Verdict::expired);
}

TEST_F(Activation, ThatTheEngineCannotStopIsKilledAndItsWordIsAwaited) {
  start_two();
  StandIn process;
  find_processes = [&](const auto&) {
    return process.is_alive() ? std::vector<pid_t>{process.pid()} : std::vector<pid_t>{};
  };
  engine.stuck = true;
  on_pause = [&] {
    if (process.is_alive()) return;
    for (auto& container : engine.list) container.state = "exited";
  };
  EXPECT_EQ(run("withdraw"), 0);
  EXPECT_FALSE(process.is_alive());
}

TEST_F(Activation, ThatAFrozenEngineMayStillStartIsWatched) {
  hold_two();  // killed in the middle of `up`
  engine.frozen = true;
  int pauses = 0;
  on_pause = [&] {
    // It goes on with what it was asked for.
    if (++pauses == 5000) {
      engine.frozen = false;
      engine.list[0].state = "running";
    }
  };
  EXPECT_EQ(run("withdraw"), 0);
  EXPECT_EQ(pauses, 5000);
  EXPECT_THAT(engine.list, IsEmpty());
}

TEST_F(Activation, ThatMayStillBeStartedIsOverOnlyWhenItsContainersAreGone) {
  hold_two();
  engine.stuck = true;
  int pauses = 0;
  on_pause = [&] {
    if (++pauses == 500) engine.stuck = false;
  };
  EXPECT_EQ(run("withdraw"), 0);
  EXPECT_EQ(pauses, 500);
  EXPECT_THAT(engine.list, IsEmpty());
}

TEST_F(Activation, ThatWasNotHeldNeedsNoEngineToBeWithdrawn) {
  EXPECT_EQ(run("keep-before"), 0);
  add_created("w", "web", "always");
  engine.frozen = true;
  EXPECT_EQ(run("withdraw"), 0);
  EXPECT_EQ(run("tidy"), 0) << "which does not matter";
}

TEST_F(Activation, IsWithdrawnAfterABootOnceTheEngineIsThere) {
  start_two();
  for (auto& container : engine.list) container.state = "exited";
  boot_id = "boot-2";
  engine.away = 600;
  EXPECT_EQ(run("withdraw"), 0);
  EXPECT_EQ(engine.away, -1);
  EXPECT_THAT(engine.list, IsEmpty());
}

TEST_F(Activation, DoesNotWaitForEverForTheEngineAfterABoot) {
  hold_two();
  boot_id = "boot-2";
  engine.frozen = true;
  const auto began = clock_us;
  EXPECT_EQ(run("withdraw"), 0);
  EXPECT_GE(seconds_since(began), 300);
  EXPECT_EQ(engine.list.size(), 2U);
  engine.frozen = false;
  EXPECT_EQ(run("tidy"), 0);
  EXPECT_THAT(engine.list, IsEmpty());
}

}  // namespace
}  // namespace portoser::agent::deployments
