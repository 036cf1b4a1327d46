#include "agent/data_disk.h"

#include "common/disk.h"
#include "common/log.h"

#include <fmt/format.h>

#include <utility>

namespace portoser::agent {

std::optional<protocol::CollectProblem> DataDisk::look() {
  const auto room = disk_room(folder_);
  if (!room.is_full()) {
    if (std::exchange(is_full_, false)) {
      log::info("agent", "the disk of the data folder has room again");
    }
    return std::nullopt;
  }
  is_full_ = true;
  if (pace_.is_due()) {
    log::error("agent",
               "the disk of the data folder is full: events are kept in memory and commands are "
               "refused until there is room",
               {{"folder", folder_.string()},
                {"free_bytes", room.free_bytes},
                {"total_bytes", room.total_bytes}});
  }
  protocol::CollectProblem problem;
  problem.collector = "data";
  problem.message = fmt::format(
      "the disk that holds the agent's data folder {} is full: events are kept in memory and "
      "commands are refused until there is room",
      folder_.string());
  return problem;
}

}  // namespace portoser::agent
