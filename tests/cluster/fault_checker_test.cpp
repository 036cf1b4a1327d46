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

/// A service that was started, restarted by job "j1", and failed.
Evidence sound() {
  HostEvidence host;
  host.name = "h1";
  host.service = "notes-h1";
  host.made = {{"e", 1, "event", "start 1"},
               {"e", 2, "event", "restart 2"},
               {"e", 3, "result", "j1"},
               {"e", 4, "event", "failure 3"}};
  constexpr std::int64_t second = 1'000'000;
  host.stored = {{11, "e", 1, "service", "start 1", "start", "notes-h1", 100 * second},
                 {12, "e", 2, "service", "restart 2", "restart", "notes-h1", 110 * second},
                 {13, "e", 3, "command", "j1", "succeeded", "", 111 * second},
                 {14, "e", 4, "service", "failure 3", "failure", "notes-h1", 120 * second}};
  host.runs = false;
  host.status = "stopped";
  Evidence evidence;
  evidence.hosts = {host};
  evidence.jobs = {{"j1", "succeeded", {"-f x up -d"}}};
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
  evidence.hosts.front().agent_kills = 1;
  evidence.hosts.front().made.push_back({"e", 70'000, "event", "failure 3"});
  EXPECT_THAT(contradictions(evidence), IsEmpty());
}

TEST(FaultChecker, FindsWhatIsLost) {
  expect_found("event 4 (failure 3) is lost",
               [](Evidence&, HostEvidence& host) { host.stored.pop_back(); });
  expect_found("result 3 (j1) is lost",
               [](Evidence&, HostEvidence& host) { host.stored.erase(host.stored.begin() + 2); });
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
    host.made.push_back({"e", 5, "event", "failure 3"});
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
