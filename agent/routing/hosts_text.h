/// The name of a service in the text of a hosts file, as dnsmasq reads it. Pure.
#pragma once

#include "protocol/commands.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::agent::routing {

struct HostsEdit {
  enum class Outcome {
    changed,     ///< lines of the name have the new address now
    added,       ///< the name was not there
    unchanged,   ///< it has the new address already
    at_ingress,  ///< it need not follow
    elsewhere,   ///< it is at neither address
    no_hosts,    ///< a line is none of a hosts file
  };
  Outcome outcome = Outcome::unchanged;
  std::string text;                    ///< as it shall be
  std::vector<std::string> elsewhere;  ///< other addresses that the name has, and keeps
  std::size_t bad_line = 0;            ///< of `no_hosts`, from 1
};

/// Lines that do not name the service stay as they are, byte for byte; a line that has other names
/// too keeps those. The first label of the name counts as the name where both stand in one line, or
/// where only that is there (dnsmasq's expand-hosts).
HostsEdit edit_hosts(std::string_view text, const protocol::RoutingHosts& command);

/// An IPv4 or IPv6 address, written in one way; empty: it is none.
std::string plain_address(std::string_view text);

}  // namespace portoser::agent::routing
