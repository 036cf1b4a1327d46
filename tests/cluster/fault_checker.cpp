#include "tests/cluster/fault_checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace portoser::test {
namespace {

using Wrong = std::vector<std::string>;
using Number = std::pair<std::string, std::int64_t>;

/// Times are computed from the hosts' uptimes; later in the order may be that much earlier in time.
constexpr std::int64_t tolerance_us = 5'000'000;

std::set<Number> numbers_of(const std::vector<Stored>& stored) {
  std::set<Number> numbers;
  for (const auto& one : stored) numbers.emplace(one.epoch, one.sequence);
  return numbers;
}

void check_nothing_is_lost(const HostEvidence& host, Wrong& wrong) {
  for (const auto& one : missing(host)) {
    wrong.push_back(
        fmt::format("{}: {} {} ({}) is lost", host.name, one.type, one.sequence, one.mark));
  }
  // The same event is made again only by an agent whose forerunner was killed.
  std::map<std::string, int> times;
  for (const auto& one : host.made) {
    if (one.type == "event" && ++times[one.mark] > host.agent_kills + 1) {
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
    if (made.contains({one.epoch, one.sequence}) || ++unknown <= host.agent_kills) continue;
    wrong.push_back(fmt::format("{}: nobody made {} {}", host.name, one.type, one.sequence));
  }
}

void check_nothing_is_doubled(const HostEvidence& host, Wrong& wrong) {
  std::set<std::string> marks;
  std::map<std::string, std::string> last_type;
  for (const auto& one : host.stored) {
    if (one.mark.empty()) {
      wrong.push_back(fmt::format("{}: event {} has no mark", host.name, one.id));
    } else if (!marks.insert(one.mark).second) {
      wrong.push_back(fmt::format("{}: {} is stored twice", host.name, one.mark));
    }
    if (one.scope != "service") continue;
    auto& type = last_type[one.service];
    // A restart may follow a restart; the others say that something changed.
    if (type == one.type && one.type != "restart") {
      wrong.push_back(
          fmt::format("{}: {} has a {} twice in a row ({})", host.name, one.service, type, one.id));
    }
    type = one.type;
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
  const auto last = std::find_if(host.stored.rbegin(), host.stored.rend(), [&](const auto& one) {
    return one.scope == "service" && one.service == host.service;
  });
  if (last == host.stored.rend()) {
    wrong.push_back(host.service + " was started, and has no event");
  } else if (ups.contains(last->type) != host.runs) {
    wrong.push_back(fmt::format(
        "{} is {}, and its newest event is {} ({})", host.service, truth, last->type, last->id));
  }
}

/// What hosts said of each command; "both" when they said both.
std::map<std::string, std::string> outcomes_of(const Evidence& evidence) {
  std::map<std::string, std::string> outcomes;
  for (const auto& host : evidence.hosts) {
    for (const auto& one : host.stored) {
      if (one.scope != "command") continue;
      auto& outcome = outcomes[one.mark];
      outcome = outcome.empty() || outcome == one.type ? one.type : "both";
    }
  }
  return outcomes;
}

void check_jobs(const Evidence& evidence, Wrong& wrong) {
  static const std::set<std::string> ends{"succeeded", "failed", "cancelled", "interrupted"};
  const auto outcomes = outcomes_of(evidence);
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
    const auto outcome = found == outcomes.end() ? std::string{"nothing"} : found->second;
    if (outcome == "both" || (job.state == "succeeded") != (outcome == "succeeded")) {
      wrong.push_back(
          fmt::format("job {} is {}, and its host said {}", job.id, job.state, outcome));
    }
    if (outcome == "succeeded" && job.calls.empty()) {
      wrong.push_back(fmt::format("job {} succeeded, and compose was never called", job.id));
    }
  }
}

}  // namespace

std::vector<Made> missing(const HostEvidence& host) {
  const auto numbers = numbers_of(host.stored);
  std::set<std::string> marks;
  for (const auto& one : host.stored) marks.insert(one.mark);
  std::vector<Made> lost;
  for (const auto& one : host.made) {
    const bool is_there = numbers.contains({one.epoch, one.sequence}) ||
                          (!one.mark.empty() && marks.contains(one.mark));
    if (!is_there) lost.push_back(one);
  }
  return lost;
}

std::vector<std::string> contradictions(const Evidence& evidence) {
  Wrong wrong;
  for (const auto& host : evidence.hosts) {
    check_nothing_is_lost(host, wrong);
    check_nothing_is_invented(host, wrong);
    check_nothing_is_doubled(host, wrong);
    check_order(host, wrong);
    check_state(host, wrong);
  }
  check_jobs(evidence, wrong);
  if (evidence.integrity != "ok") {
    wrong.push_back("the database is damaged: " + evidence.integrity);
  }
  return wrong;
}

}  // namespace portoser::test
