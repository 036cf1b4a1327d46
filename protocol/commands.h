/// Every command, declared once: its name and its arguments. What it does is in agent/actions.
#pragma once

#include "common/describe.h"

#include <string>
#include <string_view>
#include <vector>

namespace portoser::protocol {

/// What a compose command works on.
struct ComposeTarget {
  std::string service;             ///< name in the registry
  std::vector<std::string> files;  ///< candidates; the first that exists counts
  std::string project;             ///< `-p`; empty: compose's own choice
  std::string compose_service;     ///< key in the compose file; empty: the whole project
  bool operator==(const ComposeTarget&) const = default;
};
BOOST_DESCRIBE_STRUCT(ComposeTarget, (), (service, files, project, compose_service))

/// Creates what is missing and starts it; gives back the restart policy that a stop took away.
struct ComposeUp {
  static constexpr std::string_view name = "compose.up";
  ComposeTarget target;
  bool operator==(const ComposeUp&) const = default;
};
BOOST_DESCRIBE_STRUCT(ComposeUp, (), (target))

/// Stops, keeps containers and volumes, and takes the restart policy away, so that a reboot of the
/// host does not undo it.
struct ComposeStop {
  static constexpr std::string_view name = "compose.stop";
  ComposeTarget target;
  bool operator==(const ComposeStop&) const = default;
};
BOOST_DESCRIBE_STRUCT(ComposeStop, (), (target))

/// Checks the file, then recreates the containers of the service and leaves its dependencies alone.
struct ComposeRestart {
  static constexpr std::string_view name = "compose.restart";
  ComposeTarget target;
  bool operator==(const ComposeRestart&) const = default;
};
BOOST_DESCRIBE_STRUCT(ComposeRestart, (), (target))

/// Builds or pulls first, then recreates: what cannot be built stops nothing.
struct ComposeRebuild {
  static constexpr std::string_view name = "compose.rebuild";
  ComposeTarget target;
  bool operator==(const ComposeRebuild&) const = default;
};
BOOST_DESCRIBE_STRUCT(ComposeRebuild, (), (target))

/// Removes containers and networks. Never volumes.
struct ComposeDown {
  static constexpr std::string_view name = "compose.down";
  ComposeTarget target;
  bool operator==(const ComposeDown&) const = default;
};
BOOST_DESCRIBE_STRUCT(ComposeDown, (), (target))

template <template <class...> class List>
using Commands = List<ComposeUp, ComposeStop, ComposeRestart, ComposeRebuild, ComposeDown>;

}  // namespace portoser::protocol
