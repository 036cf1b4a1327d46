/// What this host is. Asked seldom, so it opens what it needs each time. Any thread.
#pragma once

#include "protocol/messages.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::agent::collect {

/// Where the kernel's view of the host is found; tests point it at a kept tree.
struct HostPaths {
  std::string proc = "/proc";
  std::string root;  ///< stands before /etc, /sys, /run and before every mount point
};

/// All but `engine_*`, `compose_version` and `ssh_user`. What cannot be read stays empty or 0.
protocol::HostFacts host_facts(const HostPaths& paths = {});

/// The id of this boot, from the kernel. Unreadable: `Error{internal}`.
std::string boot_id(const HostPaths& paths = {});

/// PRETTY_NAME of an os-release file; empty: none.
std::string pretty_name(std::string_view os_release);
/// Physical cores by /proc/cpuinfo; 0: it does not say (ARM).
std::int64_t physical_cores(std::string_view cpuinfo);
/// Addresses of this host that others may reach: without loopback, link-local ones, and the bridges
/// of containers.
std::vector<std::string> own_addresses();

}  // namespace portoser::agent::collect
