#include "tests/cluster/fault_checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <utility>

namespace portoser::test {
namespace {

using Wrong = std::vector<std::string>;
using Number = std::pair<std::string, std::int64_t>;

/// Times are computed from the hosts' uptimes; later in the order may be that much earlier in time.
constexpr std::int64_t tolerance_us = 5'000'000;
/// Between what the engine says of the end of a container and what it says of the container.
constexpr std::int64_t same_end_us = 3'000'000;

/// What an event's mark says.
struct Origin {
  std::string type;
  std::string service;  ///< empty: of a container that belongs to none
  std::string subject;  ///< a container's id
  std::int64_t time_us = 0;
};

Origin origin_from(const std::string& mark) {
  Origin origin;
  std::istringstream parts{mark};
  std::getline(parts, origin.type, ':');
  std::getline(parts, origin.service, ':');
  std::getline(parts, origin.subject, ':');
  parts >> origin.time_us;
  return origin;
}

std::set<Number> numbers_of(const std::vector<Stored>& stored) {
  std::set<Number> numbers;
  for (const auto& one : stored) numbers.emplace(one.epoch, one.sequence);
  return numbers;
}

/// Those that the database has not; of those that may be lost, or of the others.
std::vector<Made> not_stored(const HostEvidence& host, bool may_be_lost) {
  const auto numbers = numbers_of(host.stored);
  std::set<std::string> marks;
  for (const auto& one : host.stored) marks.insert(one.mark);
  std::vector<Made> found;
  for (const auto& one : host.made) {
    const bool is_there = numbers.contains({one.epoch, one.sequence}) ||
                          (!one.mark.empty() && marks.contains(one.mark));
    if (!is_there && one.may_be_lost == may_be_lost) found.push_back(one);
  }
  return found;
}

/// What the host told, in its own order: what is stored and, where they were, the events that may
/// be lost (their id is 0).
std::vector<Stored> told_by(const HostEvidence& host) {
  auto told = host.stored;
  for (const auto& one : not_stored(host, true)) {
    if (one.type != "event") continue;
    const auto origin = origin_from(one.mark);
    Stored lost{.epoch = one.epoch,
                .sequence = one.sequence,
                .scope = origin.service.empty() ? "container" : "service",
                .mark = one.mark,
                .type = origin.type,
                .service = origin.service};
    const auto next = std::find_if(told.begin(), told.end(), [&](const Stored& other) {
      return other.epoch == lost.epoch && other.sequence > lost.sequence;
    });
    told.insert(next, std::move(lost));
  }
  return told;
}

void check_nothing_is_lost(const HostEvidence& host, Wrong& wrong) {
  for (const auto& one : missing(host)) {
    wrong.push_back(
        fmt::format("{}: {} {} ({}) is lost", host.name, one.type, one.sequence, one.mark));
  }
  // The same event is made again only by an agent whose forerunner was killed.
  std::map<std::string, int> times;
  for (const auto& one : host.made) {
    if (one.type == "event" && ++times[one.mark] > host.agent_ends + 1) {
      wrong.push_back(
          fmt::format("{}: {} was made {} times", host.name, one.mark, times[one.mark]));
    }
  }
}

void check_nothing_is_invented(const HostEvidence& host, Wrong& wrong) {
  std::set<Number> made;
  for (const auto& one : host.made) made.emplace(one.epoch, one.sequence);
  // Whoever is killed between keeping a message and writing it to its log cannot be a witness.
  int unknown = 0;
  for (const auto& one : host.stored) {
    if (made.contains({one.epoch, one.sequence}) || ++unknown <= host.agent_ends) continue;
    wrong.push_back(fmt::format("{}: nobody made {} {}", host.name, one.type, one.sequence));
  }
}

/// An agent that could not keep its checkpoint ended in between: the next one did not know of the
/// first, and judged what it found by an older state.
bool may_repeat(const HostEvidence& host, const Stored& first, const Stored& second) {
  return std::any_of(
      host.forgetful_ends.begin(), host.forgetful_ends.end(), [&](std::int64_t end_us) {
        return first.time_us <= end_us && end_us <= second.time_us + tolerance_us;
      });
}

void check_nothing_is_doubled(const HostEvidence& host, Wrong& wrong) {
  std::set<std::string> marks;
  for (const auto& one : host.stored) {
    if (one.mark.empty()) {
      wrong.push_back(fmt::format("{}: event {} has no mark", host.name, one.id));
    } else if (!marks.insert(one.mark).second) {
      wrong.push_back(fmt::format("{}: {} is stored twice", host.name, one.mark));
    }
  }
  std::map<std::string, Stored> last;
  for (const auto& one : told_by(host)) {
    if (one.scope != "service") continue;
    auto& before = last[one.service];
    // A restart may follow a restart; the others say that something changed.
    if (before.type == one.type && one.type != "restart" && !may_repeat(host, before, one)) {
      wrong.push_back(fmt::format(
          "{}: {} has a {} twice in a row ({})", host.name, one.service, one.type, one.id));
    }
    before = one;
    // The agent behind a lost one may have gone on from before it or from behind it.
    if (one.id == 0) before.type.clear();
  }
}

void check_order(const HostEvidence& host, Wrong& wrong) {
  std::map<std::string, std::int64_t> newest_number;
  std::map<std::string, std::int64_t> newest_time;
  for (const auto& one : host.stored) {
    auto& number = newest_number[one.epoch];
    if (one.sequence <= number) {
      wrong.push_back(fmt::format(
          "{}: sequence {} is stored behind sequence {}", host.name, one.sequence, number));
    }
    number = one.sequence;
    if (one.scope != "service") continue;
    auto& time = newest_time[one.service];
    if (one.time_us + tolerance_us < time) {
      wrong.push_back(fmt::format("{}: {} {} is older than the event before it by {} s",
                                  host.name,
                                  one.type,
                                  one.id,
                                  (time - one.time_us) / 1'000'000));
    }
    time = std::max(time, one.time_us);
  }
}

void check_state(const HostEvidence& host, Wrong& wrong) {
  static const std::set<std::string> ups{"start", "restart", "recovery"};
  const auto* truth = host.runs ? "running" : "stopped";
  if (host.status != truth) {
    wrong.push_back(fmt::format("{} is {}, and shown as {}", host.service, truth, host.status));
  }
  const auto told = told_by(host);
  const auto last = std::find_if(told.rbegin(), told.rend(), [&](const auto& one) {
    return one.scope == "service" && one.service == host.service;
  });
  if (last != told.rend() && last->id == 0) return;  // what would have agreed may be lost
  if (last == told.rend()) {
    wrong.push_back(host.service + " was started, and has no event");
  } else if (ups.contains(last->type) != host.runs) {
    wrong.push_back(fmt::format(
        "{} is {}, and its newest event is {} ({})", host.service, truth, last->type, last->id));
  }
}

/// An action of ours that was at work then may take what the engine is told to end for its own.
bool is_within_an_action(const CrashByHand& crash,
                         const std::string& service,
                         const std::vector<JobEvidence>& jobs) {
  return std::any_of(jobs.begin(), jobs.end(), [&](const JobEvidence& job) {
    // Of one that was interrupted nobody knows how long it went on.
    const bool has_end = job.ended_us > 0 && job.state != "interrupted";
    return job.service == service && job.taken_us <= crash.died_us &&
           (!has_end || crash.died_us <= job.ended_us + tolerance_us);
  });
}

bool must_be_told(const CrashByHand& crash,
                  const HostEvidence& host,
                  const std::vector<JobEvidence>& jobs) {
  if (crash.was_being_stopped || !has_witness(crash.died_us, host.watch)) return false;
  return crash.weapon == Weapon::signal || !is_within_an_action(crash, host.service, jobs);
}

/// One by one: each has a failure of its own.
void check_crashes(const HostEvidence& host, const std::vector<JobEvidence>& jobs, Wrong& wrong) {
  std::vector<Origin> failures;
  for (const auto& one : told_by(host)) {
    if (one.scope != "command" && one.type == "failure") failures.push_back(origin_from(one.mark));
  }
  for (const auto& crash : host.crashes) {
    const auto found = std::find_if(failures.begin(), failures.end(), [&](const Origin& failure) {
      return failure.subject == crash.container &&
             std::abs(failure.time_us - crash.died_us) <= same_end_us;
    });
    if (found != failures.end()) {
      failures.erase(found);
    } else if (must_be_told(crash, host, jobs)) {
      wrong.push_back(
          fmt::format("{}: container {} was killed at {}, and there is no failure of it",
                      host.name,
                      crash.container.substr(0, 12),
                      crash.died_us));
    }
  }
}

struct Outcome {
  std::string type = "nothing";  ///< what hosts said of a command; "both" when they said both
  std::string reason;            ///< of a failure
};

std::map<std::string, Outcome> outcomes_of(const Evidence& evidence) {
  std::map<std::string, Outcome> outcomes;
  for (const auto& host : evidence.hosts) {
    for (const auto& one : host.stored) {
      if (one.scope != "command") continue;
      auto& outcome = outcomes[one.mark];
      outcome.type = outcome.type == "nothing" || outcome.type == one.type ? one.type : "both";
      outcome.reason = one.reason;
    }
  }
  return outcomes;
}

/// How a job may end of which its host said that.
std::set<std::string> ends_after(const Outcome& outcome) {
  if (outcome.type == "succeeded") return {"succeeded"};
  if (outcome.type == "failed") {
    // It did not know itself what became of it, or was never given it.
    if (outcome.reason == "ACTION_INTERRUPTED" || outcome.reason == "COMMAND_UNKNOWN") {
      return {"interrupted"};
    }
    if (outcome.reason == "ACTION_CANCELLED") return {"cancelled"};
    return {"failed"};
  }
  // It was refused before the host heard of it (failed), or the host never knew of it.
  if (outcome.type == "nothing") return {"failed", "cancelled", "interrupted"};
  return {};
}

void check_jobs(const Evidence& evidence, Wrong& wrong) {
  static const std::set<std::string> ends{"succeeded", "failed", "cancelled", "interrupted"};
  const auto outcomes = outcomes_of(evidence);
  std::set<std::string> may_be_lost;
  for (const auto& host : evidence.hosts) {
    for (const auto& one : not_stored(host, true)) may_be_lost.insert(one.mark);
  }
  for (const auto& job : evidence.jobs) {
    if (!ends.contains(job.state)) {
      wrong.push_back(fmt::format("job {} is {}", job.id, job.state.empty() ? "gone" : job.state));
    }
    for (const auto& call : std::set<std::string>{job.calls.begin(), job.calls.end()}) {
      const auto times = std::count(job.calls.begin(), job.calls.end(), call);
      if (times > 1) {
        wrong.push_back(fmt::format("job {} was carried out {} times: {}", job.id, times, call));
      }
    }
    const auto found = outcomes.find(job.id);
    const auto outcome = found == outcomes.end() ? Outcome{} : found->second;
    const bool is_untold = outcome.type == "nothing" && may_be_lost.contains(job.id);
    if (!is_untold && !ends_after(outcome).contains(job.state)) {
      wrong.push_back(fmt::format("job {} is {}, and its host said {} {}",
                                  job.id,
                                  job.state,
                                  outcome.type,
                                  outcome.reason));
    }
    if (job.must_succeed && job.state != "succeeded") {
      wrong.push_back(fmt::format(
          "job {} is {}, and nothing stood in its way: {}", job.id, job.state, outcome.reason));
    }
    if (outcome.type == "succeeded" && job.calls.empty()) {
      wrong.push_back(fmt::format("job {} succeeded, and compose was never called", job.id));
    }
  }
}

/// What agents ask compose for themselves, or for a question: nothing changes by it.
bool only_reads(const ComposeCall& call) {
  return call.arguments == "version --short" || call.arguments.ends_with(" config");
}

/// A command that was refused, or that nobody gave, was carried out by no host.
void check_calls(const Evidence& evidence, Wrong& wrong) {
  std::set<std::string> taken{evidence.own_jobs.begin(), evidence.own_jobs.end()};
  for (const auto& job : evidence.jobs) taken.insert(job.id);
  for (const auto& call : evidence.calls) {
    if (taken.contains(call.command) || only_reads(call)) continue;
    wrong.push_back(fmt::format(
        "compose was called for {}, which nobody took on: {}", call.command, call.arguments));
  }
}

void check_nothing_waits(const HostEvidence& host, Wrong& wrong) {
  if (host.spool_bytes == 0) return;
  wrong.push_back(
      fmt::format("{}: {} bytes of events still wait in its spool", host.name, host.spool_bytes));
}

void check_samples(const HostEvidence& host, Wrong& wrong) {
  if (host.sample_times.empty()) wrong.push_back(host.name + ": no sample is stored");
  for (const auto& [first, last] : missing_samples(host)) {
    wrong.push_back(fmt::format("{}: samples {} to {} are lost", host.name, first, last));
  }
  for (const auto number : host.samples_twice) {
    wrong.push_back(fmt::format("{}: sample {} is stored twice", host.name, number));
  }
}

}  // namespace

std::vector<Made> missing(const HostEvidence& host) {
  return not_stored(host, false);
}

std::vector<std::pair<std::int64_t, std::int64_t>> missing_samples(const HostEvidence& host) {
  // What is older than the quarter of an hour that is open is not in the evidence, but for what
  // came late.
  const auto quarter_of = [](std::int64_t time_ms) { return time_ms / (15 * 60 * 1000); };
  // Each agent counts on from the microseconds that its machine was up when it began.
  constexpr std::int64_t another_agent = 100'000;
  std::vector<std::pair<std::int64_t, std::int64_t>> missing;
  for (auto next = host.sample_times.begin(); next != host.sample_times.end(); ++next) {
    if (next == host.sample_times.begin()) continue;
    const auto& [number, time_ms] = *std::prev(next);
    const bool may_be_lost = time_ms * 1000 < host.samples_kept_from_us ||
                             quarter_of(time_ms) != quarter_of(next->second);
    const auto distance = next->first - number;
    if (distance == 1 || distance >= another_agent || may_be_lost) continue;
    missing.emplace_back(number + 1, next->first - 1);
  }
  return missing;
}

std::vector<std::string> contradictions(const Evidence& evidence) {
  Wrong wrong;
  for (const auto& host : evidence.hosts) {
    check_nothing_is_lost(host, wrong);
    check_nothing_is_invented(host, wrong);
    check_nothing_is_doubled(host, wrong);
    check_order(host, wrong);
    check_crashes(host, evidence.jobs, wrong);
    check_state(host, wrong);
    check_nothing_waits(host, wrong);
    check_samples(host, wrong);
  }
  check_jobs(evidence, wrong);
  check_calls(evidence, wrong);
  wrong.insert(wrong.end(), evidence.deaths.begin(), evidence.deaths.end());
  if (evidence.integrity != "ok") {
    wrong.push_back("the database is damaged: " + evidence.integrity);
  }
  return wrong;
}

std::string extent_of(const Evidence& evidence) {
  std::size_t messages = 0;
  std::size_t lost = 0;
  std::size_t crashes = 0;
  std::size_t told = 0;
  for (const auto& host : evidence.hosts) {
    messages += host.stored.size();
    lost += not_stored(host, true).size();
    crashes += host.crashes.size();
    for (const auto& crash : host.crashes) told += must_be_told(crash, host, evidence.jobs) ? 1 : 0;
  }
  return fmt::format(
      "{} messages are stored, {} went with an agent whose disk was full; {} jobs; {} crashes by "
      "hand, {} of them with witnesses",
      messages,
      lost,
      evidence.jobs.size(),
      crashes,
      told);
}

}  // namespace portoser::test
