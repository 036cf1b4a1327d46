/// Whether the disks of a host have room for what a move brings. Blocking; any thread.
#pragma once

#include "agent/inspection/findings.h"

#include <cstdint>
#include <string>
#include <vector>

namespace portoser::agent::inspection {

/// Bytes that have to find room at `path`, which need not be there yet.
struct RoomWanted {
  std::string path;
  std::int64_t bytes = 0;
};

/// Room for the files of a move: all of `files` together hold `file_bytes`, in shares that nobody
/// knows; `stores` hold what each of them says. A fifth more is wanted, for file systems differ.
void check_move_room(const std::vector<std::string>& files,
                     std::int64_t file_bytes,
                     const std::vector<RoomWanted>& stores,
                     Findings& findings);

}  // namespace portoser::agent::inspection
