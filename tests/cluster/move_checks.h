/// What must hold once a move is over and everything is mended, whatever happened meanwhile.
#pragma once

#include "tests/cluster/move_world.h"

#include <string>
#include <vector>

namespace portoser::test {

/// What is true of the ledger, and what is wrong with that.
struct Finding {
  std::string place;               ///< the host it runs on; empty: not just one
  std::vector<std::string> wrong;  ///< a sentence each
};

/// Waits until the ledger runs on exactly one host and no other host has a container of it. Then:
/// it is used there, every acknowledged row is in it, none is in it that nobody asked for, its
/// other files and its folder are as they were at the beginning, it starts again with its engine,
/// and no witness ever saw two writers.
Finding look_at_ledger(MoveWorld& world);

/// What the history says of a job that is over: one record, that tells how it ended. `from`, `to`:
/// of the move.
std::vector<std::string> look_at_record(const MoveWorld& world,
                                        const Json& part,
                                        const std::string& from,
                                        const std::string& to);

}  // namespace portoser::test
