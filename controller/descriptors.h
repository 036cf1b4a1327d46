/// File descriptors: as many as the process may have, and who may use how many of them, so that no
/// crowd of strangers at one port takes them from the others, from the database or from the agents.
#pragma once

#include <cstddef>

namespace portoser {

struct DescriptorShares {
  std::size_t web = 0;   ///< connections of the web surface
  std::size_t join = 0;  ///< connections of the joining listener
  int wire_backlog = 0;  ///< connections of agents that wait in the kernel until they are taken
  /// Agents are let in while the next descriptor is below this number, whoever holds those below
  /// it. So they have less than the rest when the others use their shares, by as much as these use;
  /// in return the others' shares are free whenever they want them: an agent may have taken the
  /// number of a web connection that ended, and stays.
  int wire_up_to = 0;
};

/// Of so many descriptors. The agents get most of them.
DescriptorShares share_descriptors(std::size_t limit);

/// Raises the soft limit of open files (RLIMIT_NOFILE) to the hard one, a million at most. Returns
/// what it is now.
std::size_t raise_descriptor_limit();

}  // namespace portoser
