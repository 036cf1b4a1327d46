/// What the commands about native and local services do, before and after the tools of systemd. A
/// service with a unit is that unit; one with a service.yml becomes a unit of its own,
/// "portoser-<service>.service", which systemd makes and forgets. Lives on the agent's Asio thread;
/// disk and YAML go to the pool.
#pragma once

#include "agent/actions/catalogue.h"
#include "agent/actions/native_arguments.h"
#include "agent/actions/native_memory.h"
#include "agent/actions/unit_control.h"
#include "common/clock.h"
#include "common/tasks.h"
#include "protocol/commands.h"

#include <chrono>
#include <set>
#include <string>
#include <vector>

namespace portoser::agent::actions {

struct NativeSettings {
  NativeTools tools;
  /// How long a unit must have been up, by systemd's own time of its start, for that to count.
  std::chrono::milliseconds settle{1000};
};

class Native {
 public:
  /// Everything but the settings must outlive it.
  Native(NativeSettings settings,
         std::string boot_id,
         const Clock& clock,
         UnitControl& units,
         NativeMemory& memory,
         asio::thread_pool& pool);

  void add_to(Catalogue& catalogue);

  /// The plans change nothing. No systemd: `Error{unavailable, SYSTEMD_MISSING}`; no such unit:
  /// `Error{not_found, UNIT_MISSING}`; no such user: `Error{invalid, SERVICE_USER_MISSING}`; and
  /// what `read_service_file` throws.
  asio::awaitable<runner::Spec> plan_start(protocol::NativeStart command);
  asio::awaitable<runner::Spec> plan_stop(protocol::NativeStop command);
  asio::awaitable<runner::Spec> plan_restart(protocol::NativeRestart command);

  /// Gives the start at boot back and looks whether the unit stays up: one that does not is an
  /// `ActionError{SERVICE_EXITED}` with what it wrote last.
  asio::awaitable<void> finish_start(protocol::NativeStart command);
  asio::awaitable<void> finish_restart(protocol::NativeRestart command);
  /// Takes the start at boot away.
  asio::awaitable<void> finish_stop(protocol::NativeStop command);

  Error explain(const StepFailure& failure);
  /// What the unit wrote last.
  asio::awaitable<std::vector<std::string>> last_words(protocol::NativeTarget target);

  /// When systemd answers for the first time: finishes what a crash cut off, and after a boot
  /// starts what ran by us when the host went down, if it is one of these units.
  asio::awaitable<void> resume(std::set<std::string> assigned_units);

 private:
  asio::awaitable<OwnUnit> read_own(protocol::NativeTarget target);
  asio::awaitable<systemd::Unit> require_unit(protocol::NativeTarget target);
  asio::awaitable<std::vector<runner::Step>> start_steps(protocol::NativeTarget target);
  [[nodiscard]] runner::Spec spec_of(const protocol::NativeTarget& target,
                                     std::vector<runner::Step> steps) const;
  asio::awaitable<void> after_start(protocol::NativeTarget target);
  asio::awaitable<void> watch_start(protocol::NativeTarget target);
  asio::awaitable<void> remember_started(protocol::NativeTarget target);
  asio::awaitable<void> take_boot_away(std::string unit);
  asio::awaitable<void> give_boot_back(std::string unit);
  asio::awaitable<void> bring_back(std::string service);
  asio::awaitable<void> run_tool(std::vector<std::string> argv);

  NativeSettings settings_;
  std::string boot_id_;
  const Clock& clock_;
  UnitControl& units_;
  NativeMemory& memory_;
  asio::thread_pool& pool_;
};

}  // namespace portoser::agent::actions
