/// What the agent tells the program `portoser-routing` about one command: `parameters.json` in the
/// command's folder of the journal. Of the two commands the one of the step that is run counts.
#pragma once

#include "protocol/commands.h"

#include <string>

namespace portoser::agent::routing {

inline constexpr auto caddy_step = "caddy";
inline constexpr auto hosts_step = "hosts";

struct Parameters {
  std::string command;  ///< its id
  std::string data;     ///< the agent's folder
  protocol::RoutingCaddy caddy;
  protocol::RoutingHosts hosts;
};
BOOST_DESCRIBE_STRUCT(Parameters, (), (command, data, caddy, hosts))

}  // namespace portoser::agent::routing
