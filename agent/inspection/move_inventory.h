/// Everything that goes with a compose service when it moves to another host, and what stands
/// against the move, seen from the host where it is. In portoser-inspect only.
#pragma once

#include "agent/engine/client.h"
#include "agent/inspection/move_host.h"
#include "common/tasks.h"
#include "protocol/questions.h"

namespace portoser::agent::inspection {

/// What could not be looked at is a finding too. No compose file is one; so is no engine. Takes
/// seconds, and up to 20 more while sizes are counted.
asio::awaitable<protocol::MoveInventory> inspect_move(protocol::InspectMove asked,
                                                      engine::Client& engine,
                                                      MoveHost host);

}  // namespace portoser::agent::inspection
