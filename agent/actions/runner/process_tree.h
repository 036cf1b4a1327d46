/// All processes that come from this one, also those that left their group and their session: the
/// runner is their reaper, so whoever loses its parent becomes its child.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace portoser::agent::actions::runner {

/// To be called once, before anything is started.
void become_reaper();

/// Alive, not this process itself.
std::vector<pid_t> descendants();

/// To each of them; returns how many there are.
std::size_t signal_descendants(int number);

/// Kills every process of this machine that was started with this ("NAME=value") in its
/// environment, and waits until they are gone, five seconds at most.
void end_leftovers(const std::string& entry);

}  // namespace portoser::agent::actions::runner
