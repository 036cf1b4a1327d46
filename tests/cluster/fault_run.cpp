// Which fault is next, and what is remembered of it. What each of them does: fault_kinds.cpp.
#include "tests/cluster/fault_run.h"

#include "common/clock.h"
#include "tests/support/await.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <utility>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;

std::int64_t now_us() {
  return to_unix_us(SystemClock{}.now());
}

}  // namespace

ClusterOptions FaultRun::needs(std::uint64_t seed) {
  return {.seed = seed, .has_small_disks = true, .is_built = true, .strangers = {Intruder::name}};
}

FaultRun::FaultRun(Cluster& cluster, std::uint64_t seed)
    : cluster_(cluster), random_(seed), intruder_(cluster) {
  for (const auto& fault : kinds()) counts_[fault.kind] = 0;
  for (const auto& host : cluster_.hosts()) {
    meant_[host->name()];
    end_change(*host);
  }
}

std::size_t FaultRun::any(std::size_t count) {
  return static_cast<std::size_t>(random_() % count);
}

void FaultRun::say(const ClusterHost& host, const std::string& what) const {
  std::cout << fmt::format("fault {:>3}  {}  {}\n", count_, host.name(), what) << std::flush;
}

void FaultRun::print_counts() const {
  for (const auto& [kind, times] : counts_) std::cout << fmt::format("{:>4}  {}\n", times, kind);
  std::cout << std::flush;
}

const std::vector<FaultRun::Fault>& FaultRun::kinds() {
  using S = const Situation&;
  constexpr auto is_on = [](S s) { return s.is_on; };
  constexpr auto is_off = [](S s) { return !s.is_on; };
  constexpr auto engine_answers = [](S s) {
    return s.is_on && s.engine_runs && !s.engine_is_frozen;
  };
  constexpr auto engine_is_frozen = [](S s) {
    return s.is_on && s.engine_runs && s.engine_is_frozen;
  };
  constexpr auto engine_is_down = [](S s) { return s.is_on && !s.engine_runs; };
  constexpr auto agent_runs = [](S s) { return s.is_on && s.agent_runs; };
  constexpr auto agent_is_awake = [](S s) { return s.is_on && s.agent_runs && !s.agent_is_frozen; };
  constexpr auto agent_is_frozen = [](S s) { return s.is_on && s.agent_runs && s.agent_is_frozen; };
  constexpr auto agent_is_down = [](S s) { return s.is_on && !s.agent_runs; };
  constexpr auto controller_runs = [](S s) { return s.controller_runs; };
  constexpr auto controller_is_awake = [](S s) {
    return s.controller_runs && !s.controller_is_frozen;
  };
  constexpr auto controller_is_frozen = [](S s) {
    return s.controller_runs && s.controller_is_frozen;
  };
  constexpr auto controller_is_down = [](S s) { return !s.controller_runs; };
  constexpr auto takes_actions = [](S s) {
    return s.is_on && s.controller_runs && !s.controller_is_frozen;
  };
  using F = FaultRun;
  static const std::vector<Fault> all{
      {"action", 12, takes_actions, &F::act},
      {"action: to nobody", 1, is_on, &F::act},
      {"cable", 4, is_on, &F::change_cable},
      {"container: SIGKILL", 4, engine_answers, &F::crash_container},
      {"container: docker kill", 2, engine_answers, &F::kill_container},
      {"power: cut", 2, is_on, &F::cut_power},
      {"power: on", 10, is_off, &F::switch_on},
      {"power: on, the agent before the engine", 10, is_off, &F::switch_on_without_engine},
      {"engine: SIGSTOP", 2, engine_answers, &F::freeze_engine},
      {"engine: SIGCONT", 6, engine_is_frozen, &F::thaw_engine},
      {"engine: SIGKILL", 2, engine_answers, &F::crash_engine},
      {"engine: SIGTERM", 2, engine_answers, &F::stop_engine},
      {"engine: started", 6, engine_is_down, &F::start_engine},
      {"agent: SIGKILL and started", 2, agent_runs, &F::kill_agent},
      {"agent: SIGTERM", 2, agent_is_awake, &F::stop_agent},
      {"agent: started", 6, agent_is_down, &F::start_agent},
      {"agent: SIGSTOP", 2, agent_is_awake, &F::freeze_agent},
      {"agent: SIGCONT", 4, agent_is_frozen, &F::thaw_agent},
      {"agent's disk: filled", 2, [](S s) { return !s.agent_disk_is_full; }, &F::fill_agent_disk},
      {"agent's disk: freed", 4, [](S s) { return s.agent_disk_is_full; }, &F::free_agent_disk},
      // One for all hosts, so it comes with each of them.
      {"controller: SIGKILL", 1, controller_runs, &F::kill_controller},
      {"controller: SIGTERM", 1, controller_is_awake, &F::stop_controller},
      {"controller: started", 10, controller_is_down, &F::start_controller},
      {"controller: SIGSTOP", 1, controller_is_awake, &F::freeze_controller},
      {"controller: SIGCONT", 10, controller_is_frozen, &F::thaw_controller},
      {"controller: flooded by strangers", 1, controller_is_awake, &F::flood_controller},
      {"controller's disk: filled",
       1,
       [](S s) { return !s.controller_disk_is_full; },
       &F::fill_controller_disk},
      {"controller's disk: freed",
       6,
       [](S s) { return s.controller_disk_is_full; },
       &F::free_controller_disk},
  };
  return all;
}

FaultRun::Situation FaultRun::situation_of(const ClusterHost& host) const {
  const auto& meant = meant_.at(host.name());
  return {.is_on = host.machine().is_on(),
          .engine_runs = host.machine().engine_runs(),
          .engine_is_frozen = meant.engine_is_frozen,
          .agent_runs = meant.agent_runs,
          .agent_is_frozen = meant.agent_is_frozen,
          .agent_disk_is_full = meant.disk_is_full,
          .controller_runs = controller_runs_,
          .controller_is_frozen = controller_is_frozen_,
          .controller_disk_is_full = controller_disk_is_full_};
}

const FaultRun::Fault& FaultRun::choose(const Situation& situation) {
  std::vector<const Fault*> possible;
  for (const auto& fault : kinds()) {
    if (!fault.is_possible(situation)) continue;
    possible.insert(possible.end(), static_cast<std::size_t>(fault.weight), &fault);
  }
  return *possible.at(any(possible.size()));
}

void FaultRun::step() {
  ++count_;
  look_for_deaths();
  auto& host = *cluster_.hosts().at(any(cluster_.hosts().size()));
  const auto& fault = choose(situation_of(host));
  ++counts_[fault.kind];
  (this->*fault.happen)(host);
  // Part of the schedule: nothing is waited for here. Faults meet all states on their way.
  const auto due =
      std::chrono::steady_clock::now() + std::chrono::milliseconds{any(any(4) == 0 ? 3000 : 400)};
  await_until(
      "the next fault is due", 30s, [&] { return std::chrono::steady_clock::now() >= due; });
}

/// Those that fell over are started again as if by a service manager, so that the run goes on.
void FaultRun::look_for_deaths() {
  auto& controller = cluster_.controller();
  if (controller_runs_ && !controller.running()) {
    deaths_.push_back(fmt::format(
        "before fault {}: the controller has ended: {}", count_, controller.log_tail()));
    controller.start();
  }
  for (const auto& host : cluster_.hosts()) {
    if (!host->machine().is_on()) continue;
    auto& agent = host->agent();
    if (!meant_[host->name()].agent_runs || agent.running()) continue;
    deaths_.push_back(fmt::format(
        "before fault {}: the agent of {} has ended: {}", count_, host->name(), agent.log_tail()));
    agent.start();
  }
}

bool FaultRun::is_kept(const ClusterHost& host) const {
  const auto& meant = meant_.at(host.name());
  return host.machine().is_on() && host.machine().engine_runs() && !meant.engine_is_frozen &&
         meant.agent_runs && !meant.agent_is_frozen;
}

void FaultRun::begin_change(const ClusterHost& host, bool engine_forgets) {
  history_[host.name()].watch.push_back({now_us(), false, engine_forgets});
}

void FaultRun::end_change(const ClusterHost& host) {
  history_[host.name()].watch.push_back({now_us(), is_kept(host), false});
}

void FaultRun::note_end_of_agent(const ClusterHost& host, bool in_order) {
  constexpr std::int64_t tries_again_within_us = 6'000'000;
  const auto& meant = meant_.at(host.name());
  auto& history = history_[host.name()];
  const bool forgets = meant.disk_is_full || now_us() - meant.disk_freed_us < tries_again_within_us;
  if (forgets) history.forgetful_ends.push_back(now_us());
  if (forgets || !in_order) ++history.agent_ends;
  history.samples_kept_from_us = std::max(history.samples_kept_from_us, now_us());
}

/// The disk of an agent takes something again.
void FaultRun::note_room(const ClusterHost& host) {
  constexpr std::int64_t takes_samples_within_us = 2'000'000;
  auto& from_us = history_[host.name()].samples_kept_from_us;
  from_us = std::max(from_us, now_us() + takes_samples_within_us);
}

void FaultRun::note_room_of_controller() {
  constexpr std::int64_t stores_within_us = 10'000'000;
  for (auto& [name, history] : history_) {
    history.samples_kept_from_us =
        std::max(history.samples_kept_from_us, now_us() + stores_within_us);
  }
}

bool FaultRun::controller_answers() const {
  return controller_runs_ && !controller_is_frozen_;
}

void FaultRun::mend() {
  ++count_;
  look_for_deaths();
  for (const auto& host : cluster_.hosts()) {
    begin_change(*host);
    host->data_disk().make_room();
    if (meant_[host->name()].disk_is_full) note_room(*host);
    // In this order: an engine that starts may end what ran.
    host->switch_on();
    meant_[host->name()] = Meant{};
    end_change(*host);
  }
  cluster_.data_disk().make_room();
  if (std::exchange(controller_disk_is_full_, false)) note_room_of_controller();
  if (!controller_runs_) cluster_.controller().start();
  cluster_.controller().thaw();
  controller_runs_ = true;
  controller_is_frozen_ = false;
  for (const auto& host : cluster_.hosts()) {
    cluster_.controller().await_machine(host->name(), "online");
  }
}

std::string FaultRun::ask_for_restart(const ClusterHost& host) {
  TakenJob job{.id = "",
               .service = host.service(),
               .action = "restart",
               .taken_us = now_us(),
               .must_succeed = true};
  const auto answer = cluster_.controller().post(
      fmt::format("/api/services/{}/restart", host.service()), "", {{"Prefer", "respond-async"}});
  if (answer.status != 202) return answer.text;
  job.id = answer.body["job_id"].get<std::string>();
  // Like one that is under way since before: the controller gives that one's id.
  if (std::any_of(jobs_.begin(), jobs_.end(), [&](const auto& one) { return one.id == job.id; })) {
    return job.id + " is under way";
  }
  say(host, "at last a restart: job " + job.id);
  jobs_.push_back(std::move(job));
  return answer.text;
}

void FaultRun::restart_all() {
  const auto& controller = cluster_.controller();
  for (const auto& host : cluster_.hosts()) {
    await_until("the engine is known to be there", 120s, [&] {
      const auto status =
          controller.row("/api/services", "services", host->service()).value("status", "");
      return (status == "running" || status == "stopped") &&
             controller.get("/api/machines/" + host->name()).body["engine_available"] == true;
    });
    const auto before = jobs_.size();
    std::string answer;
    // What is under way comes first, and may take its whole limit (two minutes), and one before it.
    await_until(
        "a restart of " + host->service() + " is taken on",
        400s,
        [&] {
          answer = ask_for_restart(*host);
          return jobs_.size() > before;
        },
        [&] { return answer; });
  }
}

}  // namespace portoser::test
