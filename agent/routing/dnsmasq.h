/// The dnsmasq processes of this host. Blocking; any thread.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <vector>

namespace portoser::agent::routing {

/// By their name and their program, both "dnsmasq"; those in containers too. `proc`: /proc.
std::vector<pid_t> dnsmasq_processes(const std::filesystem::path& proc);

/// Lets all of them read their hosts files anew (SIGHUP, which does no more than that); how many
/// there were. One that ends meanwhile is none.
std::size_t reload_dnsmasq();

}  // namespace portoser::agent::routing
