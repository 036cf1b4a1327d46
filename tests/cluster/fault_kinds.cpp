// What each kind of fault does. Which of them is next: fault_run.cpp.
#include "common/clock.h"
#include "tests/cluster/fault_run.h"

#include <fmt/core.h>

#include <array>
#include <chrono>
#include <csignal>

namespace portoser::test {

using namespace std::chrono_literals;

namespace {

/// So many free pages: what is a few bytes long may still find room, and a file just made none.
constexpr std::size_t most_pages_left = 4;
constexpr std::int64_t begins_within_us = 10'000'000;

}  // namespace

void FaultRun::act(ClusterHost& host) {
  static constexpr std::array actions{"restart", "stop", "start", "rebuild"};
  const std::string action = actions.at(any(actions.size()));
  ++counts_["action: " + action];
  if (!controller_answers()) {
    say(host, action + ": nobody takes it");
    return;
  }
  const auto taken_us = to_unix_us(SystemClock{}.now());
  const auto answer =
      cluster_.controller().post(fmt::format("/api/services/{}/{}", host.service(), action),
                                 "",
                                 {{"Prefer", "respond-async"}});
  if (answer.status == 202) {
    ++counts_["action: taken on"];
    jobs_.push_back({answer.body["job_id"].get<std::string>(), host.service(), action, taken_us});
    say(host, action + ": job " + jobs_.back().id);
  } else {
    say(host, fmt::format("{}: {} {}", action, answer.status, answer.body.value("reason", "")));
  }
}

void FaultRun::strike(const ClusterHost& host, Weapon weapon) {
  const auto crash = crash_by_hand(host, weapon);
  if (!crash) {
    say(host, "its container does not run");
    return;
  }
  ++counts_["container: has crashed by that"];
  say(host,
      fmt::format("its container {} dies of {}",
                  crash->container.substr(0, 12),
                  weapon == Weapon::signal ? "SIGKILL" : "docker kill"));
  history_[host.name()].crashes.push_back(*crash);
}

void FaultRun::crash_container(ClusterHost& host) {
  strike(host, Weapon::signal);
}

void FaultRun::kill_container(ClusterHost& host) {
  strike(host, Weapon::engine);
}

void FaultRun::change_cable(ClusterHost& host) {
  auto& machine = host.machine();
  switch (any(10)) {
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
  begin_change(host);
  note_end_of_agent(host);
  host.agent().kill();
  host.agent().start();
  meant_[host.name()].agent_is_frozen = false;
  meant_[host.name()].agent_started_us = to_unix_us(SystemClock{}.now());
  end_change(host);
}

void FaultRun::stop_agent(ClusterHost& host) {
  say(host, "its agent is told to stop (SIGTERM)");
  begin_change(host);
  note_end_of_agent(host, true);
  const auto status = host.agent().terminate();
  // One that has hardly begun does not listen to signals yet, and has nothing to put in order.
  const bool has_begun =
      to_unix_us(SystemClock{}.now()) - meant_[host.name()].agent_started_us > begins_within_us;
  if (status != 0 && (status != 128 + SIGTERM || has_begun)) {
    deaths_.push_back(fmt::format("fault {}: the agent of {} ended with {}: {}",
                                  count_,
                                  host.name(),
                                  status,
                                  host.agent().log_tail()));
  }
  meant_[host.name()].agent_runs = false;
  end_change(host);
}

void FaultRun::start_agent(ClusterHost& host) {
  say(host, "its agent starts");
  begin_change(host);
  host.agent().start();
  meant_[host.name()].agent_runs = true;
  meant_[host.name()].agent_started_us = to_unix_us(SystemClock{}.now());
  end_change(host);
}

void FaultRun::freeze_agent(ClusterHost& host) {
  say(host, "its agent is stopped (SIGSTOP)");
  begin_change(host);
  host.agent().freeze();
  meant_[host.name()].agent_is_frozen = true;
  end_change(host);
}

void FaultRun::thaw_agent(ClusterHost& host) {
  say(host, "its agent goes on");
  begin_change(host);
  host.agent().thaw();
  meant_[host.name()].agent_is_frozen = false;
  end_change(host);
}

void FaultRun::fill_agent_disk(ClusterHost& host) {
  const auto pages = any(most_pages_left + 1);
  say(host, fmt::format("the disk of its agent is full ({} pages left)", pages));
  host.data_disk().fill_but(pages);
  meant_[host.name()].disk_is_full = true;
}

void FaultRun::free_agent_disk(ClusterHost& host) {
  say(host, "the disk of its agent has room");
  host.data_disk().make_room();
  meant_[host.name()].disk_is_full = false;
  meant_[host.name()].disk_freed_us = to_unix_us(SystemClock{}.now());
  note_room(host);
}

void FaultRun::freeze_engine(ClusterHost& host) {
  say(host, "its engine is stopped (SIGSTOP)");
  begin_change(host);
  host.machine().freeze_engine();
  meant_[host.name()].engine_is_frozen = true;
  end_change(host);
}

void FaultRun::thaw_engine(ClusterHost& host) {
  say(host, "its engine goes on");
  begin_change(host);
  host.machine().thaw_engine();
  meant_[host.name()].engine_is_frozen = false;
  end_change(host);
}

void FaultRun::crash_engine(ClusterHost& host) {
  say(host, "its engine is killed");
  begin_change(host, true);
  host.machine().crash_engine();
  end_change(host);
}

void FaultRun::stop_engine(ClusterHost& host) {
  say(host, "its engine is told to stop (SIGTERM)");
  begin_change(host, true);
  host.machine().stop_engine();
  end_change(host);
}

void FaultRun::start_engine(ClusterHost& host) {
  say(host, "its engine starts");
  begin_change(host);
  host.machine().start_engine();
  host.machine().await_engine();
  end_change(host);
}

void FaultRun::cut_power(ClusterHost& host) {
  say(host, "power cut");
  begin_change(host, true);
  if (meant_[host.name()].agent_runs) note_end_of_agent(host);
  host.power_off();
  auto& meant = meant_[host.name()];
  meant.agent_runs = meant.agent_is_frozen = meant.engine_is_frozen = false;
  end_change(host);
}

void FaultRun::switch_on(ClusterHost& host) {
  say(host, "power on");
  begin_change(host);
  host.switch_on();
  meant_[host.name()].agent_runs = true;
  meant_[host.name()].agent_started_us = to_unix_us(SystemClock{}.now());
  end_change(host);
}

void FaultRun::switch_on_without_engine(ClusterHost& host) {
  say(host, "power on, and its agent starts before the engine");
  begin_change(host);
  host.switch_on_without_engine();
  meant_[host.name()].agent_runs = true;
  meant_[host.name()].agent_started_us = to_unix_us(SystemClock{}.now());
  end_change(host);
}

void FaultRun::kill_controller(ClusterHost& host) {
  say(host, "the controller is killed");
  cluster_.controller().kill();
  controller_runs_ = controller_is_frozen_ = false;
}

void FaultRun::stop_controller(ClusterHost& host) {
  say(host, "the controller is told to stop (SIGTERM)");
  cluster_.controller().stop();
  controller_runs_ = false;
}

void FaultRun::start_controller(ClusterHost& host) {
  say(host, "the controller starts");
  cluster_.controller().start();
  controller_runs_ = true;
}

void FaultRun::freeze_controller(ClusterHost& host) {
  say(host, "the controller is stopped (SIGSTOP)");
  cluster_.controller().freeze();
  controller_is_frozen_ = true;
}

void FaultRun::thaw_controller(ClusterHost& host) {
  say(host, "the controller goes on");
  cluster_.controller().thaw();
  controller_is_frozen_ = false;
}

void FaultRun::fill_controller_disk(ClusterHost& host) {
  const auto pages = any(most_pages_left + 1);
  say(host, fmt::format("the disk of the controller is full ({} pages left)", pages));
  cluster_.data_disk().fill_but(pages);
  controller_disk_is_full_ = true;
}

void FaultRun::free_controller_disk(ClusterHost& host) {
  say(host, "the disk of the controller has room");
  cluster_.data_disk().make_room();
  controller_disk_is_full_ = false;
  note_room_of_controller();
}

void FaultRun::flood_controller(ClusterHost& host) {
  say(host, "strangers knock at the controller, and a host that joined talks nonsense");
  intruder_.flood(random_());
}

}  // namespace portoser::test
