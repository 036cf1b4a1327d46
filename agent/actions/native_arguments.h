/// The command lines of systemctl and systemd-run. Pure.
#pragma once

#include "agent/actions/runner/files.h"
#include "agent/actions/service_file.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::agent::actions {

/// Programs of systemd; looked up in PATH.
struct NativeTools {
  std::string systemctl = "systemctl";
  std::string systemd_run = "systemd-run";
  std::string journalctl = "journalctl";
};

/// A unit that is made of a service.yml.
struct OwnUnit {
  std::string service;
  std::string unit;
  std::string user;
  ServiceFile file;
  int systemd_version = 0;  ///< its first number
};

/// `systemctl VERB UNIT`, as a step of that name.
runner::Step systemctl_step(const NativeTools& tools,
                            std::string name,
                            const std::string& verb,
                            const std::string& unit);
/// What a failed start left behind would be in the way of the next one.
runner::Step forget_failure_step(const NativeTools& tools, const std::string& unit);
runner::Step run_step(const NativeTools& tools, const OwnUnit& own);

/// "252.39-1~deb12u2" -> 252; 0: not understood.
int major_version(std::string_view version);

std::map<std::string, std::string> native_environment();

}  // namespace portoser::agent::actions
