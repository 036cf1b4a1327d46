/// Whether a native or local service could be started or restarted, as far as this host can tell
/// before anything is stopped. In portoser-inspect only.
#pragma once

#include "agent/actions/unit_control.h"
#include "agent/inspection/findings.h"
#include "agent/inspection/listeners.h"
#include "agent/systemd/unit.h"
#include "common/tasks.h"
#include "protocol/questions.h"

#include <string>
#include <vector>

namespace portoser::agent::inspection {

/// What could not be looked at is a finding too. A fault has the reason that the command itself
/// would give. `units` must outlive it.
asio::awaitable<protocol::PreflightReport> preflight_native(protocol::PreflightNative asked,
                                                            actions::UnitControl& units);

/// `unit`: how the service stands; what its processes hold is its own. Blocking.
void check_native_ports(const std::vector<int>& ports,
                        const std::vector<Listener>& listening,
                        const systemd::Unit& unit,
                        Findings& findings,
                        const std::string& proc = "/proc");

}  // namespace portoser::agent::inspection
