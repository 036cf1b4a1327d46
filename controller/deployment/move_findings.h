/// What of a service goes along when it moves, what the other host has to have already, and what
/// nobody has decided yet. Pure.
#pragma once

#include "protocol/commands.h"
#include "protocol/questions.h"

#include <cstdint>
#include <string>
#include <vector>

namespace portoser::deployment {

struct MoveData {
  std::vector<protocol::DataRoot> source;  ///< folder, paths, volumes, images
  std::vector<protocol::DataRoot> target;  ///< the same ones in the same order
  std::vector<std::string> needed_paths;   ///< for the target's preflight
  std::vector<protocol::Finding> findings;
  std::int64_t bytes = 0;  ///< of folder and paths, as far as they were counted
  std::int64_t volume_bytes = 0;
};

/// `target_file`: where the compose file will be. Other paths are the same on both hosts. A path in
/// a list stands for all below it too; of two that fit, the longer one counts, then `extra_paths`.
/// A path outside of the folder that is in neither list: an error, MOUNT_OUTSIDE; unless nothing is
/// there.
MoveData data_of_move(const protocol::MoveInventory& inventory,
                      const std::string& target_file,
                      const std::vector<std::string>& extra_paths,
                      const std::vector<std::string>& leave_paths);

}  // namespace portoser::deployment
