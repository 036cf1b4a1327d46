/// Lets Caddy follow a move, by its admin API. Blocking; one thread.
#pragma once

#include "common/fetch.h"
#include "protocol/commands.h"

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace portoser::agent::routing {

/// What the work needs of the world; a test has its own.
struct CaddyCalls {
  std::function<FetchResponse(const FetchRequest&)> ask;
  std::function<void(std::chrono::milliseconds)> pause;
};

/// What it did, as lines with the beginnings of protocol/commands.h. A change that somebody else
/// made meanwhile is not overwritten: it looks again. `Error`: CADDY_UNAVAILABLE (no answer, or not
/// for us), CADDY_REFUSED (the new configuration), ROUTE_NOT_FOUND.
std::vector<std::string> follow_in_caddy(const protocol::RoutingCaddy& command,
                                         const CaddyCalls& calls);

/// What still names the old upstream in the file that Caddy reads at its start, if that can be
/// read: a line with `routing_left`, or none.
std::vector<std::string> look_at_config_file(const protocol::RoutingCaddy& command);

}  // namespace portoser::agent::routing
