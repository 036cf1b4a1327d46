/// All processes that come from this one, also those that left their group and their session: the
/// runner is their reaper, so whoever loses its parent becomes its child.
#pragma once

#include <sys/types.h>

#include <vector>

namespace portoser::agent::actions::runner {

/// To be called once, before anything is started.
void become_reaper();

/// Alive, not this process itself.
std::vector<pid_t> descendants();

/// To each of them; returns how many there are.
std::size_t signal_descendants(int number);

}  // namespace portoser::agent::actions::runner
