/// TCP ports for the servers that a test starts.
#pragma once

#include <cstdint>

namespace portoser::test {

/// The first of `in_a_row` ports that are free on loopback. They stay this test program's own until
/// it ends: another test program that runs at the same time, and the kernel for outgoing
/// connections, will not take them. `Error{unavailable}` when there are none.
std::uint16_t free_port(int in_a_row = 1);

}  // namespace portoser::test
