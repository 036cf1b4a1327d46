// The checker of random faults finds what it is there to find: evidence is doctored, one thing at a
// time.
#include "tests/cluster/fault_checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portoser::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr auto failure = "failure:notes-h1:c1:120000000";

/// A service that was started, restarted by job "j1", and failed.
Evidence sound() {
  HostEvidence host;
  host.name = "h1";
  host.service = "notes-h1";
  host.made = {{"e", 1, "event", "start 1"},
               {"e", 2, "event", "restart 2"},
               {"e", 3, "result", "j1"},
               {"e", 4, "event", failure}};
  constexpr std::int64_t second = 1'000'000;
  host.stored = {{11, "e", 1, "service", "start 1", "start", "notes-h1", 100 * second},
                 {12, "e", 2, "service", "restart 2", "restart", "notes-h1", 110 * second},
                 {13, "e", 3, "command", "j1", "succeeded", "", 111 * second},
                 {14, "e", 4, "service", failure, "failure", "notes-h1", 120 * second}};
  host.watch = {{0, true, false}};
  host.crashes = {{"c1", 120 * second}};
  host.runs = false;
  host.status = "stopped";
  for (std::int64_t i = 1; i <= 20; ++i) host.sample_times[1000 + i] = 100'000 + 500 * i;
  Evidence evidence;
  evidence.hosts = {host};
  evidence.jobs = {{"j1", "succeeded", {"-f x up -d"}, "notes-h1", 109 * second, 111 * second}};
  evidence.own_jobs = {"j0"};
  evidence.calls = {{"j0", "-f x up -d"},
                    {"--data", "version --short"},
                    {"q0", "-f x config"},
                    {"j1", "-f x up -d"}};
  evidence.integrity = "ok";
  return evidence;
}

template <class Doctor>
void expect_found(const std::string& sentence, Doctor doctor) {
  auto evidence = sound();
  doctor(evidence, evidence.hosts.front());
  EXPECT_THAT(contradictions(evidence), testing::Contains(HasSubstr(sentence)));
}

TEST(FaultChecker, HasNothingAgainstSoundEvidence) {
  EXPECT_THAT(contradictions(sound()), IsEmpty());
}

TEST(FaultChecker, AcceptsWhatALaterAgentToldAgain) {
  auto evidence = sound();
  evidence.hosts.front().agent_ends = 1;
  evidence.hosts.front().made.push_back({"e", 70'000, "event", failure});
  EXPECT_THAT(contradictions(evidence), IsEmpty());
}

TEST(FaultChecker, FindsWhatIsLost) {
  expect_found("event 4 (failure:notes-h1:c1:120000000) is lost",
               [](Evidence&, HostEvidence& host) { host.stored.pop_back(); });
  expect_found("result 3 (j1) is lost",
               [](Evidence&, HostEvidence& host) { host.stored.erase(host.stored.begin() + 2); });
}

/// The failure, and then the end of the service's story, went with an agent whose disk was full.
TEST(FaultChecker, AcceptsWhatMayBeLostAndNothingElse) {
  auto evidence = sound();
  auto& host = evidence.hosts.front();
  host.stored.pop_back();
  host.made.back().may_be_lost = true;
  EXPECT_THAT(contradictions(evidence), IsEmpty());
  EXPECT_THAT(extent_of(evidence), HasSubstr("1 went with an agent"));
  host.stored.erase(host.stored.begin() + 2);
  host.made[2].may_be_lost = true;
  EXPECT_THAT(contradictions(evidence), IsEmpty()) << "the job's outcome too";
  host.made[2].may_be_lost = false;
  EXPECT_THAT(contradictions(evidence), testing::Contains(HasSubstr("result 3 (j1) is lost")));
}

TEST(FaultChecker, TakesWhatIsLostForToldBetweenTwoOfAKind) {
  auto evidence = sound();
  auto& host = evidence.hosts.front();
  host.made.push_back({"e", 5, "event", "recovery:notes-h1:c1:121000000", true});
  host.made.push_back({"e", 6, "event", "failure:notes-h1:c1:122000000"});
  host.stored.push_back(
      {15, "e", 6, "service", "failure:notes-h1:c1:122000000", "failure", "notes-h1", 122'000'000});
  EXPECT_THAT(contradictions(evidence), IsEmpty());
  host.made.erase(host.made.begin() + 4);
  EXPECT_THAT(contradictions(evidence), testing::Contains(HasSubstr("twice in a row")));
}

TEST(FaultChecker, AcceptsTheSameAgainFromWhoeverCouldNotKnow) {
  auto evidence = sound();
  auto& host = evidence.hosts.front();
  constexpr auto again = "failure:notes-h1:c1:150000000";
  host.made.push_back({"e", 5, "event", again});
  host.stored.push_back({15, "e", 5, "service", again, "failure", "notes-h1", 150'000'000});
  host.forgetful_ends = {100'000'000};
  EXPECT_THAT(contradictions(evidence), testing::Contains(HasSubstr("twice in a row")));
  host.forgetful_ends = {130'000'000};
  EXPECT_THAT(contradictions(evidence), IsEmpty());
}

TEST(FaultChecker, FindsACrashOfWhichNobodyTells) {
  constexpr auto sentence = "container c1 was killed at 120000000, and there is no failure of it";
  const auto forget = [](HostEvidence& host) {
    host.made.pop_back();
    host.stored.pop_back();
    host.stored.push_back({15, "e", 5, "service", "stop 4", "stop", "notes-h1", 120'000'000});
    host.made.push_back({"e", 5, "event", "stop 4"});
  };
  expect_found(sentence, [&](Evidence&, HostEvidence& host) { forget(host); });
  expect_found(sentence, [&](Evidence&, HostEvidence& host) {
    forget(host);
    // Its agent was away and came back to an engine that still knew it.
    host.watch = {{0, false, false}, {150'000'000, true, false}};
  });
  // Each crash has a failure of its own.
  expect_found("container c1 was killed at 121000000", [](Evidence&, HostEvidence& host) {
    host.crashes.push_back({"c1", 121'000'000});
  });
  expect_found("container c2 was killed",
               [](Evidence&, HostEvidence& host) { host.crashes.front().container = "c2"; });
}

TEST(FaultChecker, AsksNobodyForACrashThatHadNoWitness) {
  auto evidence = sound();
  auto& host = evidence.hosts.front();
  host.crashes.push_back({"c2", 130'000'000});
  host.watch = {{0, true, false}, {131'000'000, false, true}, {140'000'000, true, false}};
  EXPECT_THAT(contradictions(evidence), IsEmpty()) << "the power went a second later";
  host.watch = {{0, true, false}, {131'000'000, false, false}, {140'000'000, true, false}};
  EXPECT_THAT(contradictions(evidence), Not(IsEmpty())) << "the engine still knew it";
  host.crashes.back().was_being_stopped = true;
  EXPECT_THAT(contradictions(evidence), IsEmpty());
  host.crashes.back() = {"c2", 110'500'000, Weapon::engine};
  EXPECT_THAT(contradictions(evidence), IsEmpty()) << "while the job was at work";
  host.crashes.back().weapon = Weapon::signal;
  EXPECT_THAT(contradictions(evidence), Not(IsEmpty()));
}

TEST(FaultChecker, FindsAProgramThatFellOver) {
  expect_found("the agent of h1 has ended", [](Evidence& evidence, HostEvidence&) {
    evidence.deaths = {"before fault 3: the agent of h1 has ended: Segmentation fault"};
  });
}

TEST(FaultChecker, FindsWhatIsDoubled) {
  // Told again in other words.
  expect_found("has a failure twice in a row", [](Evidence&, HostEvidence& host) {
    auto again = host.stored.back();
    again.id = 15;
    again.sequence = 5;
    again.mark = "failure of another moment";
    host.stored.push_back(again);
  });
  expect_found("was made 2 times", [](Evidence&, HostEvidence& host) {
    host.made.push_back({"e", 5, "event", failure});
  });
  expect_found("j1 is stored twice", [](Evidence&, HostEvidence& host) {
    auto again = host.stored[2];
    again.sequence = 5;
    host.stored.push_back(again);
  });
}

TEST(FaultChecker, FindsWhatNobodyMade) {
  expect_found("nobody made", [](Evidence&, HostEvidence& host) {
    host.stored.push_back(
        {15, "e", 5, "service", "recovery 4", "recovery", "notes-h1", 130'000'000});
  });
}

TEST(FaultChecker, FindsAnotherOrder) {
  expect_found("is stored behind sequence", [](Evidence&, HostEvidence& host) {
    std::swap(host.stored[0].sequence, host.stored[1].sequence);
  });
  expect_found("is older than the event before it",
               [](Evidence&, HostEvidence& host) { host.stored.back().time_us = 90'000'000; });
}

TEST(FaultChecker, FindsAJobThatWasDoneTwiceOrSaysWhatIsNotTrue) {
  expect_found("was carried out 2 times", [](Evidence& evidence, HostEvidence&) {
    evidence.jobs.front().calls.push_back(evidence.jobs.front().calls.front());
  });
  expect_found("compose was never called",
               [](Evidence& evidence, HostEvidence&) { evidence.jobs.front().calls.clear(); });
  for (const auto* state : {"failed", "interrupted"}) {
    expect_found("its host said succeeded",
                 [&](Evidence& evidence, HostEvidence&) { evidence.jobs.front().state = state; });
  }
  expect_found("its host said failed",
               [](Evidence&, HostEvidence& host) { host.stored[2].type = "failed"; });
  expect_found("job j1 is running",
               [](Evidence& evidence, HostEvidence&) { evidence.jobs.front().state = "running"; });
  expect_found("job j1 is gone",
               [](Evidence& evidence, HostEvidence&) { evidence.jobs.front().state.clear(); });
}

TEST(FaultChecker, FindsAFailureThatIsShownAsSomethingElse) {
  const auto fail = [](HostEvidence& host, const std::string& reason) {
    host.stored[2].type = "failed";
    host.stored[2].reason = reason;
  };
  for (const auto* state : {"succeeded", "cancelled", "interrupted"}) {
    expect_found("its host said failed ACTION_FAILED", [&](Evidence& evidence, HostEvidence& host) {
      fail(host, "ACTION_FAILED");
      evidence.jobs.front().state = state;
    });
  }
  for (const auto* state : {"succeeded", "cancelled", "failed"}) {
    expect_found("its host said failed ACTION_INTERRUPTED",
                 [&](Evidence& evidence, HostEvidence& host) {
                   fail(host, "ACTION_INTERRUPTED");
                   evidence.jobs.front().state = state;
                 });
  }
  auto evidence = sound();
  fail(evidence.hosts.front(), "ACTION_FAILED");
  evidence.jobs.front().state = "failed";
  EXPECT_THAT(contradictions(evidence), IsEmpty());
  fail(evidence.hosts.front(), "ACTION_INTERRUPTED");
  evidence.jobs.front().state = "interrupted";
  EXPECT_THAT(contradictions(evidence), IsEmpty());
}

TEST(FaultChecker, FindsAnActionThatNobodyTookOn) {
  expect_found("compose was called for j9, which nobody took on: -f x up -d",
               [](Evidence& evidence, HostEvidence&) {
                 evidence.calls.push_back({"j9", "-f x up -d"});
               });
  expect_found("compose was called for --data, which nobody took on",
               [](Evidence& evidence, HostEvidence&) {
                 evidence.calls.push_back({"--data", "-f x down"});
               });
}

TEST(FaultChecker, FindsARestartThatDidNotSucceedThoughAllWasWell) {
  expect_found("nothing stood in its way: DISK_FULL", [](Evidence& evidence, HostEvidence& host) {
    host.stored[2].type = evidence.jobs.front().state = "failed";
    host.stored[2].reason = "DISK_FULL";
    evidence.jobs.front().must_succeed = true;
  });
}

TEST(FaultChecker, FindsWhatStillWaitsInASpool) {
  expect_found("100 bytes of events still wait",
               [](Evidence&, HostEvidence& host) { host.spool_bytes = 100; });
}

TEST(FaultChecker, FindsASampleThatIsStoredTwiceAndThatThereIsNone) {
  expect_found("sample 7 is stored twice",
               [](Evidence&, HostEvidence& host) { host.samples_twice = {7}; });
  expect_found("no sample is stored",
               [](Evidence&, HostEvidence& host) { host.sample_times.clear(); });
}

TEST(FaultChecker, FindsASampleThatIsLost) {
  const auto lose = [](Evidence&, HostEvidence& host) {
    host.sample_times.erase(1008);
    host.sample_times.erase(1009);
  };
  expect_found("h1: samples 1008 to 1009 are lost", lose);
  expect_found("h1: samples 1008 to 1009 are lost", [&](Evidence& evidence, HostEvidence& host) {
    lose(evidence, host);
    host.samples_kept_from_us = host.sample_times.at(1007) * 1000;
  });
}

TEST(FaultChecker, AsksForNoSampleThatAnAgentOrADiskMayHaveLost) {
  auto evidence = sound();
  auto& times = evidence.hosts.front().sample_times;
  times.erase(1008);
  evidence.hosts.front().samples_kept_from_us = times.at(1009) * 1000;
  EXPECT_THAT(contradictions(evidence), IsEmpty());
  evidence.hosts.front().samples_kept_from_us = 0;
  times.erase(times.begin(), times.find(1007));
  times[1007] -= 15 * 60 * 1000;
  EXPECT_THAT(contradictions(evidence), IsEmpty()) << "what lay between is sealed";
  evidence = sound();
  evidence.hosts.front().sample_times[8'000'000] = 90'000;
  EXPECT_THAT(contradictions(evidence), IsEmpty()) << "taken before the machine booted again";
}

TEST(FaultChecker, FindsAServiceThatIsNotAsItIsShown) {
  expect_found("is stopped, and shown as running",
               [](Evidence&, HostEvidence& host) { host.status = "running"; });
  expect_found("its newest event is failure", [](Evidence&, HostEvidence& host) {
    host.runs = true;
    host.status = "running";
  });
  expect_found("has no event", [](Evidence&, HostEvidence& host) { host.stored.clear(); });
}

}  // namespace
}  // namespace portoser::test
