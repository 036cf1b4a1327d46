/// Whether a change of a compose service would succeed, as far as this host can tell before
/// anything is stopped. In portoser-inspect only.
#pragma once

#include "agent/engine/client.h"
#include "agent/inspection/answering.h"
#include "common/tasks.h"
#include "protocol/questions.h"

namespace portoser::agent::inspection {

/// What could not be looked at is a finding too. No compose file is one; so is no engine.
asio::awaitable<protocol::PreflightReport> preflight_compose(protocol::PreflightCompose asked,
                                                             engine::Client& engine,
                                                             Place place);

}  // namespace portoser::agent::inspection
