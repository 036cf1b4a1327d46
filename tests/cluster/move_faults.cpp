// The course of a move with a fault in it. What each kind of fault does: move_fault_kinds.cpp.
#include "tests/cluster/move_faults.h"

#include "common/error.h"
#include "tests/cluster/move_checks.h"
#include "tests/support/await.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <utility>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

/// For a move to come to a step, whatever it waits for.
constexpr auto step_patience = std::chrono::minutes{10};
/// What stays broken until the end is mended then: it may be what the end waits for.
constexpr auto longest_fault = 90s;

/// Part of the schedule: nothing is waited for here.
void let_pass(std::chrono::milliseconds time) {
  const auto due = Steady::now() + time;
  await_until("it is time", time + 60s, [&] { return Steady::now() >= due; });
}

double seconds_since(Steady::time_point begin) {
  return std::chrono::duration<double>(Steady::now() - begin).count();
}

}  // namespace

MoveWorldOptions MoveFaults::needs(std::uint64_t seed) {
  return {.seed = seed, .has_small_disks = true, .random_mebibytes = 16};
}

MoveFaults::MoveFaults(MoveWorld& world, std::uint64_t seed)
    : world_(world), random_(seed), list_(make_list()) {
  for (const auto& kind : kinds()) counts_[kind.name] = 0;
}

std::size_t MoveFaults::any(std::size_t count) {
  return static_cast<std::size_t>(random_() % count);
}

void MoveFaults::say(const std::string& what) const {
  std::cout << fmt::format(
                   "fault {:>3}  {} -> {}  {}\n", count_, source_->name(), target_->name(), what)
            << std::flush;
}

void MoveFaults::print_counts() const {
  for (const auto& [kind, times] : counts_) std::cout << fmt::format("{:>4}  {}\n", times, kind);
  std::cout << std::flush;
}

/// In the order of a move that comes about.
const std::vector<std::string>& MoveFaults::steps() {
  static const std::vector<std::string> all{
      "look", "copy", "stop", "sync", "start", "confirm", "registry", "routing", "finish"};
  return all;
}

/// Round by round each kind once, at a step where it has not been yet.
std::vector<MoveFaults::Choice> MoveFaults::make_list() {
  std::vector<std::vector<Choice>> by_kind;
  for (const auto& kind : kinds()) {
    auto& choices = by_kind.emplace_back();
    for (const auto& step : steps()) choices.push_back({&kind, step});
    std::shuffle(choices.begin(), choices.end(), random_);
  }
  std::vector<Choice> list;
  for (std::size_t round = 0; round < steps().size(); ++round) {
    std::shuffle(by_kind.begin(), by_kind.end(), random_);
    for (const auto& choices : by_kind) list.push_back(choices.at(round));
  }
  return list;
}

void MoveFaults::choose_hosts() {
  const auto place = world_.registry_host();
  std::vector<MoveHost*> others;
  for (const auto& host : world_.hosts()) {
    if (host->name() != place) others.push_back(host.get());
  }
  source_ = &world_.host(place);
  const auto chosen = any(others.size());
  target_ = others.at(chosen);
  third_ = others.at(1 - chosen);
}

std::vector<std::string> MoveFaults::step() {
  const auto& choice = list_.at(count_ % list_.size());
  ++count_;
  ++counts_[choice.kind->name];
  wrong_.clear();
  taken_.clear();
  port_taker_ = Descriptor{};
  met_.clear();
  is_slowed_ = entry_was_moved_ = false;
  choose_hosts();
  try {
    return move_with_fault(choice);
  } catch (const std::exception& error) {
    wrong_.emplace_back(error.what());
    return wrong_;
  }
}

std::vector<std::string> MoveFaults::move_with_fault(const Choice& choice) {
  const auto& kind = *choice.kind;
  const auto began = Steady::now();
  records_before_ = world_.history()["total"].get<std::int64_t>();
  world_.client().begin_measuring();
  const bool comes_first = kind.may_come_first && choice.step == steps().front() && any(2) == 0;
  const std::chrono::milliseconds delay{any(3) == 0 ? 0 : any(700)};
  if (comes_first) {
    say("before anything else");
    strike(kind);
  }
  const bool is_taken = begin();
  if (is_taken && !comes_first) {
    await_step(choice.step);
    let_pass(delay);
    say(fmt::format("at {} (met {} and {} ms)", choice.step, met_, delay.count()));
    strike(kind);
  }
  if (!is_taken && !comes_first) wrong_.emplace_back("it was refused, and nothing was broken");
  let_last(kind);
  port_taker_ = Descriptor{};
  look_for_deaths(kind);
  world_.heal();
  look_at_end();
  say(fmt::format("over after {:.1f} s, longest gap {:.1f} s, {} rows",
                  seconds_since(began),
                  static_cast<double>(world_.client().longest_gap().count()) / 1000,
                  world_.client().acknowledged().size()));
  return wrong_;
}

bool MoveFaults::begin() {
  const auto taken = world_.begin(target_->name());
  if (taken.batch.empty()) {
    say(fmt::format("refused: {} {}", taken.status, taken.text));
    ++counts_["ended: refused"];
    return false;
  }
  taken_.push_back({taken.batch, target_->name()});
  return true;
}

bool MoveFaults::is_over() const {
  if (taken_.empty()) return true;
  const auto part = world_.part_of(taken_.front().batch);
  return (part.is_object() && part["finished_at"].is_string()) ||
         world_.is_over(taken_.front().batch);
}

/// Or to a later one, or to its end.
void MoveFaults::await_step(const std::string& step) {
  const auto rank_of = [](const std::string& name) {
    return std::find(steps().begin(), steps().end(), name) - steps().begin();
  };
  // An unknown name is of the way back, or of what comes before the first.
  const auto is_there = [&] {
    return !met_.empty() && met_ != "preflight" && rank_of(met_) >= rank_of(step);
  };
  // These are over in no time: each way over the wire shall take some.
  const bool is_quick = rank_of(step) > rank_of("start");
  await_until("the move comes to " + step, step_patience, [&] {
    const auto part = world_.part_of(taken_.front().batch);
    if (part.is_object()) met_ = part["step"].get<std::string>();
    if (is_quick && !is_slowed_ && !met_.empty() && rank_of(met_) >= rank_of("start")) {
      for (auto* host : {source_, target_}) host->machine().slow(60ms);
      is_slowed_ = true;
    }
    return is_there() || is_over();
  });
}

void MoveFaults::strike(const Kind& kind) {
  say(kind.name);
  (this->*kind.strike)();
}

void MoveFaults::let_last(const Kind& kind) {
  if (kind.lasts == Lasts::a_while) {
    // Half of them longer than a host may be silent.
    const std::chrono::milliseconds longer{7000 + any(5000)};
    const std::chrono::milliseconds shorter{any(2000)};
    let_pass(any(2) == 0 ? shorter : longer);
  } else if (kind.lasts == Lasts::until_over) {
    const auto until = Steady::now() + longest_fault;
    await_until("it is over or mended", longest_fault * 2, [&] {
      return is_over() || Steady::now() >= until;
    });
  }
}

void MoveFaults::look_for_deaths(const Kind& kind) {
  const auto& controller = world_.controller();
  if (!controller.running() && kind.strike != &MoveFaults::kill_controller) {
    wrong_.push_back("the controller has ended: " + controller.log_tail());
  }
  for (const auto& host : world_.hosts()) {
    if (!host->machine().is_on() || host->agent().running()) continue;
    wrong_.push_back(
        fmt::format("the agent of {} has ended: {}", host->name(), host->agent().log_tail()));
  }
}

void MoveFaults::look_at_end() {
  auto place = source_->name();
  std::size_t begun = 0;
  for (const auto& taken : taken_) {
    const auto part = world_.await_end(taken.batch);
    // Between its look and its turn the other move brought the service elsewhere.
    if (!part.is_object() && world_.was_stale(taken.batch)) {
      ++counts_["ended: stale"];
      say("stale to " + taken.to);
      continue;
    }
    ++begun;
    for (auto& one : look_at_record(world_, part, place, taken.to)) wrong_.push_back(one);
    const auto state = part.is_object() ? part["state"].get<std::string>() : "gone";
    if (state == "succeeded") place = taken.to;
    ++counts_["ended: " + state];
    say(fmt::format("{} to {}{}",
                    state,
                    taken.to,
                    part.is_object() && part["error"].is_object()
                        ? ": " + part["error"]["reason"].get<std::string>() + " " +
                              part["error"]["message"].get<std::string>()
                        : ""));
  }
  const auto finding = look_at_ledger(world_);
  wrong_.insert(wrong_.end(), finding.wrong.begin(), finding.wrong.end());
  if (finding.place.empty()) return;
  if (finding.place != place) {
    wrong_.push_back(fmt::format("it should be on {}, and is on {}", place, finding.place));
  }
  look_at_registry(finding.place);
  const auto records = world_.history()["total"].get<std::int64_t>() - records_before_;
  if (records != static_cast<std::int64_t>(begun)) {
    wrong_.push_back(fmt::format("{} moves were begun, and {} records are new", begun, records));
  }
}

void MoveFaults::look_at_registry(const std::string& place) {
  const auto named = world_.registry_host();
  if (named != place && entry_was_moved_) {
    // Somebody said so behind our back; he puts it right again.
    say(fmt::format("the registry says {}, by hand; mended", named));
    world_.edit_registry([&](std::string text) {
      return with_replaced(std::move(text), "current_host: " + named, "current_host: " + place);
    });
  } else if (named != place) {
    wrong_.push_back(fmt::format("it is on {}, and the registry says {}", place, named));
    return;
  }
  try {
    world_.controller().await_service(MoveWorld::service, "running");
  } catch (const std::exception& error) {
    wrong_.emplace_back(error.what());
  }
}

}  // namespace portoser::test
