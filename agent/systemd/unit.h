/// A unit as systemd describes it. Pure; any thread.
#pragma once

#include "agent/systemd/wire.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace portoser::agent::systemd {

/// Times are systemd's wall clock in microseconds; 0: never since the machine started.
struct Unit {
  std::string name;          ///< as it was asked for
  std::string id;            ///< its real name, when that one is an alias
  std::string load_state;    ///< loaded, not-found, masked, bad-setting, error
  std::string active_state;  ///< active, reloading, inactive, failed, activating, deactivating
  std::string sub_state;     ///< running, exited, dead, auto-restart, stop-sigterm ...
  std::string file_state;    ///< enabled, disabled, static, transient ...; empty: no file
  std::string invocation;    ///< another one at each start
  std::string result;        ///< success, exit-code, signal, oom-kill, timeout ...; of services
  std::string restart;       ///< no, always, on-failure ...; of services
  std::string service_type;  ///< simple, exec, forking, oneshot, notify ...; empty: no service
  std::string control_group;
  bool remains = false;  ///< RemainAfterExit
  bool can_reload = false;
  std::int64_t job = 0;        ///< id of the job that somebody gave it; 0: none
  std::int64_t main_pid = 0;   ///< 0: not running, or nobody knows which it is
  std::int64_t exit_kind = 0;  ///< CLD_EXITED, CLD_KILLED, CLD_DUMPED; 0: the main process runs, or
                               ///< never did
  std::int64_t exit_status = 0;  ///< its code, or the signal
  std::int64_t restarts = 0;     ///< by systemd itself, since it was started
  std::int64_t active_enter_us = 0;
  std::int64_t active_exit_us = 0;
  std::int64_t main_exit_us = 0;
  std::int64_t state_change_us = 0;
  bool operator==(const Unit&) const = default;

  /// Takes over what is there of these and leaves the rest.
  void apply(const Properties& properties);

  /// Its main process ended badly, although others of it may still run. One that was replaced by a
  /// restart inside the unit is not lost: the unit came to rest after its end.
  [[nodiscard]] bool has_lost_main() const;
  /// It runs as somebody who uses it would say.
  [[nodiscard]] bool is_up() const;
  /// 128 + signal for one that a signal ended.
  [[nodiscard]] std::int64_t exit_code() const;
};

/// The unit behind a service: the one that is named ("nginx" means "nginx.service"), else our own,
/// "portoser-<service>.service". Not a name that systemd would take, or one of Portoser's own
/// programs: `Error{invalid}`.
std::string unit_name(std::string_view service, std::string_view unit);
/// One that is made of a service.yml.
bool is_own_unit(std::string_view name);

}  // namespace portoser::agent::systemd
