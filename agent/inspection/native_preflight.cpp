#include "agent/inspection/native_preflight.h"

#include "agent/actions/native_target.h"
#include "agent/actions/service_file.h"
#include "agent/inspection/host_checks.h"
#include "common/error.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <utility>

namespace portoser::agent::inspection {
namespace {

/// Calls `check()`. What it throws is a finding, and it returns false then.
template <class Check>
bool passes(Findings& findings, const std::string& subject, Check check) {
  try {
    check();
    return true;
  } catch (const Error& error) {
    findings.error(error.reason(), subject, error.message(), error.hint());
    return false;
  }
}

/// systemctl and systemd-run refuse these whatever they are asked for.
void check_can_be_loaded(const systemd::Unit& unit, Findings& findings) {
  if (unit.load_state == "masked") {
    findings.error("ACTION_FAILED",
                   unit.name,
                   fmt::format("{} is masked: systemd does not start it", unit.name),
                   fmt::format("systemctl unmask {}", unit.name));
  } else if (unit.load_state == "bad-setting" || unit.load_state == "error") {
    findings.error("ACTION_FAILED",
                   unit.name,
                   fmt::format("systemd cannot load {} ({})", unit.name, unit.load_state),
                   fmt::format("systemctl status {} says what is wrong in its file", unit.name));
  }
}

void check_service_file(const protocol::NativeTarget& target, Findings& findings) {
  findings.begin("user");
  passes(findings, target.user, [&] { actions::require_user(target); });
  findings.begin("service_file");
  std::optional<actions::ServiceFile> file;
  passes(findings, target.service, [&] {
    file = actions::read_service_file(target.service, target.files, target.working_dir);
  });
  if (file) check_disk({file->working_dir}, findings);
}

/// Whether a process is of the unit. /proc may show the place of a control group from further up
/// than systemd sees it.
bool is_of_unit(int pid, const systemd::Unit& unit, const std::string& proc) {
  if (unit.main_pid != 0 && pid == unit.main_pid) return true;
  if (unit.control_group.empty() || unit.control_group == "/") return false;
  std::ifstream groups{std::filesystem::path{proc} / std::to_string(pid) / "cgroup"};
  const auto wanted = unit.control_group + "/";
  for (std::string line; std::getline(groups, line);) {
    if ((line + "/").find(wanted) != std::string::npos) return true;
  }
  return false;
}

/// Who holds a port is not this service. The registry does not say on which address it listens, so
/// only one that holds all of them is certainly in its way; and while the unit runs, who holds its
/// port may work for it outside of it, like a container or the instances of a database.
void add_taken(const Listener& holder,
               const std::optional<Owner>& owner,
               const std::string& port,
               bool unit_is_up,
               Findings& findings) {
  const auto who = owner ? fmt::format("{} (pid {})", owner->command, owner->pid)
                         : std::string{"a process that is not known"};
  const std::string hint = "stop it, or correct the port of the service in registry.yml";
  if (!holder.is_any_address) {
    findings.warning(
        "PORT_TAKEN", port, fmt::format("port {} is taken by {} on one address", port, who), hint);
  } else if (unit_is_up) {
    findings.warning("PORT_TAKEN", port, fmt::format("port {} is held by {}", port, who), hint);
  } else {
    findings.error("PORT_TAKEN", port, fmt::format("port {} is taken by {}", port, who), hint);
  }
}

void check_native_port(int wanted,
                       const std::vector<Listener>& listening,
                       const systemd::Unit& unit,
                       Findings& findings,
                       const std::string& proc) {
  const Listener* taken = nullptr;
  std::optional<Owner> taker;
  for (const auto& one : listening) {
    // The registry names ports of TCP; the same number of UDP is another port.
    if (one.protocol != "tcp" || one.port != wanted) continue;
    const auto owner = owner_of(one.inode, proc);
    // systemd itself listens for a socket unit, and gives what it has to the service.
    if (owner && (owner->pid == 1 || is_of_unit(owner->pid, unit, proc))) return;
    // A process that may not be looked into may be the service's own.
    if (!owner && unit.is_up()) return;
    if (taken == nullptr || (one.is_any_address && !taken->is_any_address)) {
      taken = &one;
      taker = owner;
    }
  }
  if (taken != nullptr)
    add_taken(*taken, taker, fmt::format("{}/tcp", wanted), unit.is_up(), findings);
}

}  // namespace

void check_native_ports(const std::vector<int>& ports,
                        const std::vector<Listener>& listening,
                        const systemd::Unit& unit,
                        Findings& findings,
                        const std::string& proc) {
  findings.begin("ports");
  for (const int port : ports) check_native_port(port, listening, unit, findings, proc);
}

asio::awaitable<protocol::PreflightReport> preflight_native(protocol::PreflightNative asked,
                                                            actions::UnitControl& units) {
  const auto& target = asked.target;
  Findings findings;
  findings.begin("systemd");
  std::string name;
  if (!passes(
          findings, target.unit, [&] { name = systemd::unit_name(target.service, target.unit); })) {
    co_return std::move(findings.report());
  }
  std::optional<systemd::Unit> unit;
  std::optional<Error> failed;
  try {
    unit = co_await units.unit(name);
  } catch (const Error& error) {
    failed = error;
  }
  if (failed) findings.error(failed->reason(), name, failed->message(), failed->hint());
  if (unit) {
    findings.begin("unit");
    passes(findings, name, [&] { actions::require_there(target, *unit); });
    check_can_be_loaded(*unit, findings);
    if (asked.action == "start" && unit->active_state == "active" && unit->is_up()) {
      findings.info(name, fmt::format("{} runs already: a start changes nothing", name));
    }
  }
  if (target.unit.empty()) check_service_file(target, findings);
  // Without systemd nobody knows which processes are the service's own.
  if (unit) check_native_ports(asked.ports, listeners(), *unit, findings);
  co_return std::move(findings.report());
}

}  // namespace portoser::agent::inspection
