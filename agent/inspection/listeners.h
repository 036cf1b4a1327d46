/// Who listens on which port of this host, from /proc. Blocking; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::agent::inspection {

struct Listener {
  std::string protocol;  ///< tcp or udp
  int port = 0;
  bool is_any_address = false;
  std::string address;  ///< IPv4 in dots; of IPv6 empty unless it is one of IPv4
  std::uint64_t inode = 0;
};

/// A table as /proc/net/tcp and its siblings have it. `protocol`: "tcp" or "udp".
std::vector<Listener> parse_listeners(std::string_view table, const std::string& protocol);
/// Of the network namespace of this process.
std::vector<Listener> listeners(const std::string& proc = "/proc");

struct Owner {
  int pid = 0;
  std::string command;  ///< as /proc/PID/comm says
};
/// Whose socket it is; none: nobody's that we may see.
std::optional<Owner> owner_of(std::uint64_t inode, const std::string& proc = "/proc");

}  // namespace portoser::agent::inspection
