/// What a board knows, as a file: the next agent goes on from it, so that what happens to services
/// while no agent runs is told all the same.
#pragma once

#include "agent/engine/container.h"
#include "agent/services/life.h"
#include "agent/services/subject.h"
#include "agent/services/taken_events.h"
#include "agent/services/wall_history.h"
#include "common/describe.h"
#include "protocol/messages.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::agent::services {

struct SavedService {
  protocol::AssignedService assigned;
  SubjectMemory subject;
};
BOOST_DESCRIBE_STRUCT(SavedService, (), (assigned, subject))

struct SavedContainer {
  engine::Container seen;
  Life life;
  SubjectMemory own;
};
BOOST_DESCRIBE_STRUCT(SavedContainer, (), (seen, life, own))

/// A command that ended before anybody knew how the containers stand.
struct EndedCommand {
  std::string id;
  std::string service;
  bool succeeded = false;
  std::int64_t ended_us = 0;  ///< wall clock
};
BOOST_DESCRIBE_STRUCT(EndedCommand, (), (id, service, succeeded, ended_us))

struct Checkpoint {
  static constexpr std::int64_t present_version = 1;

  std::int64_t version = present_version;
  std::string boot_id;  ///< of the machine, when it was made
  std::vector<SavedService> services;
  std::vector<SavedContainer> containers;
  std::vector<EndedCommand> ended;  ///< in their order; not judged yet
  TakenMemory taken;
  std::vector<WallPiece> wall;  ///< of this boot
};
BOOST_DESCRIBE_STRUCT(Checkpoint, (), (version, boot_id, services, containers, ended, taken, wall))

std::string to_text(const Checkpoint& checkpoint);
/// Half a file, another program's, a later version's: `Error{invalid}`.
Checkpoint checkpoint_from(std::string_view text);

}  // namespace portoser::agent::services
