#include "tests/cluster/fault_run.h"

#include "tests/support/await.h"

#include <fmt/core.h>

#include <array>
#include <chrono>
#include <iostream>

namespace portoser::test {

using namespace std::chrono_literals;

std::size_t FaultRun::any(std::size_t count) {
  return static_cast<std::size_t>(random_() % count);
}

void FaultRun::say(const ClusterHost& host, const std::string& what) const {
  std::cout << fmt::format("fault {:>3}  {}  {}\n", count_, host.name(), what) << std::flush;
}

std::vector<FaultRun::Step> FaultRun::possible(const ClusterHost& host) const {
  if (!host.machine().is_on()) return {&FaultRun::switch_on};
  std::vector<Step> steps{&FaultRun::act,
                          &FaultRun::act,
                          &FaultRun::change_cable,
                          &FaultRun::change_cable,
                          &FaultRun::cut_power};
  const bool is_frozen =
      engine_is_frozen_.contains(host.name()) && engine_is_frozen_.at(host.name());
  if (!host.machine().engine_runs()) {
    steps.push_back(&FaultRun::start_engine);
    steps.push_back(&FaultRun::start_engine);
  } else if (is_frozen) {
    steps.push_back(&FaultRun::thaw_engine);
    steps.push_back(&FaultRun::thaw_engine);
  } else {
    steps.push_back(&FaultRun::crash_container);
    steps.push_back(&FaultRun::crash_container);
    steps.push_back(&FaultRun::freeze_engine);
    steps.push_back(&FaultRun::crash_engine);
  }
  steps.push_back(&FaultRun::kill_agent);
  const bool sleeps = agent_is_frozen_.contains(host.name()) && agent_is_frozen_.at(host.name());
  steps.push_back(sleeps ? &FaultRun::wake_agent : &FaultRun::freeze_agent);
  steps.push_back(cluster_.controller().running() ? &FaultRun::kill_controller
                                                  : &FaultRun::start_controller);
  return steps;
}

void FaultRun::step() {
  ++count_;
  auto& host = *cluster_.hosts().at(any(cluster_.hosts().size()));
  const auto steps = possible(host);
  (this->*steps.at(any(steps.size())))(host);
  // Part of the schedule: nothing is waited for here. Faults meet all states on their way.
  const auto due =
      std::chrono::steady_clock::now() + std::chrono::milliseconds{any(any(4) == 0 ? 3000 : 400)};
  await_until(
      "the next fault is due", 30s, [&] { return std::chrono::steady_clock::now() >= due; });
}

void FaultRun::act(ClusterHost& host) {
  static constexpr std::array actions{"restart", "stop", "start"};
  const std::string action = actions.at(any(actions.size()));
  if (!cluster_.controller().running()) {
    say(host, action + ": nobody takes it");
    return;
  }
  const auto answer =
      cluster_.controller().post(fmt::format("/api/services/{}/{}", host.service(), action),
                                 "",
                                 {{"Prefer", "respond-async"}});
  if (answer.status == 202) {
    jobs_.push_back({answer.body["job_id"].get<std::string>(), host.service(), action});
    say(host, action + ": job " + jobs_.back().id);
  } else {
    say(host, fmt::format("{}: {} {}", action, answer.status, answer.body.value("code", "")));
  }
}

void FaultRun::crash_container(ClusterHost& host) {
  say(host, "its container crashes");
  try {
    host.crash_container();
  } catch (const std::exception&) {
    say(host, "it does not run");
  }
}

void FaultRun::change_cable(ClusterHost& host) {
  auto& machine = host.machine();
  switch (any(7)) {
    case 0:
      say(host, "cut");
      return machine.cut();
    case 1:
      say(host, "not heard");
      return machine.cut_out();
    case 2:
      say(host, "does not hear");
      return machine.cut_in();
    case 3:
      say(host, "slow");
      return machine.slow(150ms);
    case 4:
      say(host, "lossy");
      return machine.slow(0ms, 0.2);
    default:
      say(host, "healed");
      return machine.heal();
  }
}

void FaultRun::kill_agent(ClusterHost& host) {
  say(host, "its agent is killed and started");
  ++agent_kills_[host.name()];
  host.agent().kill();
  host.agent().start();
  agent_is_frozen_[host.name()] = false;
}

void FaultRun::freeze_agent(ClusterHost& host) {
  say(host, "its agent is stopped (SIGSTOP)");
  host.agent().freeze();
  agent_is_frozen_[host.name()] = true;
}

void FaultRun::wake_agent(ClusterHost& host) {
  say(host, "its agent goes on");
  host.agent().thaw();
  agent_is_frozen_[host.name()] = false;
}

void FaultRun::freeze_engine(ClusterHost& host) {
  say(host, "its engine is stopped (SIGSTOP)");
  host.machine().freeze_engine();
  engine_is_frozen_[host.name()] = true;
}

void FaultRun::thaw_engine(ClusterHost& host) {
  say(host, "its engine goes on");
  host.machine().thaw_engine();
  engine_is_frozen_[host.name()] = false;
}

void FaultRun::crash_engine(ClusterHost& host) {
  say(host, "its engine is killed");
  host.machine().crash_engine();
}

void FaultRun::start_engine(ClusterHost& host) {
  say(host, "its engine starts");
  host.machine().start_engine();
  host.machine().await_engine();
}

void FaultRun::cut_power(ClusterHost& host) {
  say(host, "power cut");
  ++agent_kills_[host.name()];
  host.power_off();
  engine_is_frozen_[host.name()] = false;
  agent_is_frozen_[host.name()] = false;
}

void FaultRun::switch_on(ClusterHost& host) {
  say(host, "power on");
  host.switch_on();
}

void FaultRun::kill_controller(ClusterHost& host) {
  say(host, "the controller is killed");
  cluster_.controller().kill();
}

void FaultRun::start_controller(ClusterHost& host) {
  say(host, "the controller starts");
  cluster_.controller().start();
}

int FaultRun::agent_kills(const ClusterHost& host) const {
  const auto found = agent_kills_.find(host.name());
  return found == agent_kills_.end() ? 0 : found->second;
}

void FaultRun::mend() {
  for (const auto& host : cluster_.hosts()) host->switch_on();
  if (!cluster_.controller().running()) cluster_.controller().start();
  for (const auto& host : cluster_.hosts()) {
    cluster_.controller().await_machine(host->name(), "online");
  }
}

}  // namespace portoser::test
