/// What a process of a test uses, read from /proc.
#pragma once

#include <sys/types.h>

#include <cstddef>

namespace portoser::test {

std::size_t resident_kib(pid_t pid);      ///< VmRSS
std::size_t open_descriptors(pid_t pid);  ///< how many
double cpu_seconds(pid_t pid);            ///< user and system, since its start

/// As many open files as this process may have: its soft limit becomes the hard one, which is
/// returned.
std::size_t raise_own_descriptor_limit();

}  // namespace portoser::test
