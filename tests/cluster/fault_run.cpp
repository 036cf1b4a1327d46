// Which fault is next, and what is remembered of it. What each of them does: fault_kinds.cpp.
#include "tests/cluster/fault_run.h"

#include "common/clock.h"
#include "tests/support/await.h"

#include <fmt/core.h>

#include <chrono>
#include <iostream>

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

FaultRun::Faults FaultRun::possible(const ClusterHost& host) const {
  if (!host.machine().is_on()) {
    return {{"power: on", &FaultRun::switch_on},
            {"power: on, the agent before the engine", &FaultRun::switch_on_without_engine}};
  }
  // Named more than once: that much more likely.
  Faults faults{{"action", &FaultRun::act},
                {"action", &FaultRun::act},
                {"action", &FaultRun::act},
                {"cable", &FaultRun::change_cable},
                {"cable", &FaultRun::change_cable},
                {"power: cut", &FaultRun::cut_power}};
  add_faults_of_engine(faults, host);
  add_faults_of_agent(faults, host);
  add_faults_of_controller(faults);
  return faults;
}

void FaultRun::add_faults_of_engine(Faults& faults, const ClusterHost& host) const {
  if (!host.machine().engine_runs()) {
    faults.insert(faults.end(), 2, {"engine: started", &FaultRun::start_engine});
  } else if (meant_.at(host.name()).engine_is_frozen) {
    faults.insert(faults.end(), 2, {"engine: SIGCONT", &FaultRun::thaw_engine});
  } else {
    faults.insert(faults.end(), 2, {"container: SIGKILL", &FaultRun::crash_container});
    faults.push_back({"container: docker kill", &FaultRun::kill_container});
    faults.push_back({"engine: SIGSTOP", &FaultRun::freeze_engine});
    faults.push_back({"engine: SIGKILL", &FaultRun::crash_engine});
    faults.push_back({"engine: SIGTERM", &FaultRun::stop_engine});
  }
}

void FaultRun::add_faults_of_agent(Faults& faults, const ClusterHost& host) const {
  const auto& meant = meant_.at(host.name());
  if (!meant.agent_runs) {
    faults.insert(faults.end(), 2, {"agent: started", &FaultRun::start_agent});
  } else {
    faults.push_back({"agent: SIGKILL and started", &FaultRun::kill_agent});
    if (meant.agent_is_frozen) {
      faults.push_back({"agent: SIGCONT", &FaultRun::thaw_agent});
    } else {
      faults.push_back({"agent: SIGSTOP", &FaultRun::freeze_agent});
      faults.push_back({"agent: SIGTERM", &FaultRun::stop_agent});
    }
  }
  if (meant.disk_is_full) {
    faults.insert(faults.end(), 2, {"agent's disk: freed", &FaultRun::free_agent_disk});
  } else {
    faults.push_back({"agent's disk: filled", &FaultRun::fill_agent_disk});
  }
}

void FaultRun::add_faults_of_controller(Faults& faults) const {
  if (!controller_runs_) {
    faults.insert(faults.end(), 2, {"controller: started", &FaultRun::start_controller});
  } else if (controller_is_frozen_) {
    faults.insert(faults.end(), 2, {"controller: SIGCONT", &FaultRun::thaw_controller});
    faults.push_back({"controller: SIGKILL", &FaultRun::kill_controller});
  } else {
    faults.push_back({"controller: SIGKILL", &FaultRun::kill_controller});
    faults.push_back({"controller: SIGTERM", &FaultRun::stop_controller});
    faults.push_back({"controller: SIGSTOP", &FaultRun::freeze_controller});
    faults.push_back({"controller: flooded by strangers", &FaultRun::flood_controller});
  }
  if (controller_disk_is_full_) {
    faults.insert(faults.end(), 2, {"controller's disk: freed", &FaultRun::free_controller_disk});
  } else {
    faults.push_back({"controller's disk: filled", &FaultRun::fill_controller_disk});
  }
}

void FaultRun::step() {
  ++count_;
  look_for_deaths();
  auto& host = *cluster_.hosts().at(any(cluster_.hosts().size()));
  const auto faults = possible(host);
  const auto& fault = faults.at(any(faults.size()));
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

bool FaultRun::controller_answers() const {
  return controller_runs_ && !controller_is_frozen_;
}

void FaultRun::mend() {
  ++count_;
  look_for_deaths();
  for (const auto& host : cluster_.hosts()) {
    begin_change(*host);
    host->data_disk().make_room();
    // In this order: an engine that starts may end what ran.
    host->switch_on();
    meant_[host->name()] = Meant{};
    end_change(*host);
  }
  cluster_.data_disk().make_room();
  if (!controller_runs_) cluster_.controller().start();
  cluster_.controller().thaw();
  controller_runs_ = true;
  controller_is_frozen_ = false;
  for (const auto& host : cluster_.hosts()) {
    cluster_.controller().await_machine(host->name(), "online");
  }
}

}  // namespace portoser::test
