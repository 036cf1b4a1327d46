/// Which upstreams in Caddy's configuration belong to a service, and their change. Pure.
#pragma once

#include "common/describe_json.h"
#include "protocol/commands.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::agent::routing {

struct RouteChanges {
  std::size_t changed = 0;
  std::size_t already = 0;         ///< that dial the new upstream and did before
  std::vector<std::string> names;  ///< of routes for other names that dial the old one; left alone
  std::vector<std::string> dialled;  ///< by routes of this name, neither the old nor the new one
};

/// Changes every `reverse_proxy` below "apps.http", however deep, that dials the old upstream,
/// unless its route is for other host names only. `config`: as `GET /config/` gives it.
RouteChanges change_routes(Json& config, const protocol::RoutingCaddy& command);

/// "*.attic.lan" and the like, as Caddy's host matcher reads them; upper and lower case are one.
bool host_matches(std::string_view pattern, std::string_view hostname);

/// Where a text names the old upstream: numbers of lines, from 1.
std::vector<std::size_t> lines_with_upstream(std::string_view text,
                                             const protocol::RoutingCaddy& command);

}  // namespace portoser::agent::routing
