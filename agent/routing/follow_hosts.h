/// Lets a hosts file and the dnsmasq that reads it follow a move. Blocking; one thread.
#pragma once

#include "agent/routing/parameters.h"

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace portoser::agent::routing {

/// What it did, as lines with the beginnings of protocol/commands.h. Two at a time on a host wait
/// for each other. `reload`: lets dnsmasq read the file and says how many did; called also when the
/// file had the address already, since who wrote it may have been killed before that. `Error`:
/// ROUTE_NOT_FOUND, DISK_FULL, INTERNAL (the file cannot be written).
std::vector<std::string> follow_in_hosts(const Parameters& parameters,
                                         const std::function<std::size_t()>& reload);

}  // namespace portoser::agent::routing
