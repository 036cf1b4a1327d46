/// Whether a compose service could move to this host. In portoser-inspect only.
#pragma once

#include "agent/engine/client.h"
#include "agent/inspection/findings.h"
#include "agent/inspection/move_host.h"
#include "common/tasks.h"
#include "protocol/questions.h"

#include <string>

namespace portoser::agent::inspection {

/// What could not be looked at is a finding too; so is no engine.
asio::awaitable<protocol::PreflightReport> preflight_move(protocol::PreflightMove asked,
                                                          engine::Client& engine,
                                                          MoveHost host);

/// The kind of machine that the service ran on and that of this host, as uname names them.
void check_move_arch(const std::string& source, const std::string& here, Findings& findings);

}  // namespace portoser::agent::inspection
