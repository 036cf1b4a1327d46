/// Every command, declared once: its name and its arguments. What it does is in agent/actions.
#pragma once

#include "common/describe.h"

#include <cstddef>
#include <cstdint>
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

/// Brings a service to what it shall be, and back to what it was when its health does not come.
struct ComposeDeploy {
  static constexpr std::string_view name = "compose.deploy";
  static constexpr std::size_t text_limit = std::size_t{256} << 10U;
  ComposeTarget target;
  /// "up", "restart" (recreates), "rebuild" (builds or pulls first), "restore" (a deployment that
  /// the host kept; nothing is built or pulled) or "write" (the text alone; nothing that runs is
  /// touched).
  std::string action;
  /// deploy-YYYYMMDD-HHMMSS-xxxxxxxx, under which what runs afterwards is kept on the host; empty:
  /// it is not.
  std::string deployment;
  std::string restore;         ///< action "restore": the kept deployment to go back to
  bool replaces_text = false;  ///< the compose file gets `text`
  std::string text;            ///< at most `text_limit` bytes
  /// Of the file that `text` replaces: the SHA-256 of its bytes, in hexadecimal. Another one by
  /// now: STALE_REVISION, and nothing is done.
  std::string revision;
  /// How long health may take to come; 0: a minute.
  std::int64_t health_ms = 0;
  /// What stays up for the settle time is well: a health check that has not passed yet is not
  /// waited for.
  bool settles_only = false;
  bool operator==(const ComposeDeploy&) const = default;
};
BOOST_DESCRIBE_STRUCT(
    ComposeDeploy,
    (),
    (target, action, deployment, restore, replaces_text, text, revision, health_ms, settles_only))

/// What a command about a native or local service works on.
struct NativeTarget {
  std::string service;             ///< name in the registry
  std::string unit;                ///< systemd unit; empty: one made of service.yml
  std::vector<std::string> files;  ///< candidates for service.yml; the first that exists counts
  std::string user;                ///< who runs the commands of service.yml
  std::string working_dir;  ///< where they run; empty: service.yml says it, or its own folder
  bool operator==(const NativeTarget&) const = default;
};
BOOST_DESCRIBE_STRUCT(NativeTarget, (), (service, unit, files, user, working_dir))

/// Starts the unit, or the command of service.yml as a unit of its own; gives back the start at
/// boot that a stop took away.
struct NativeStart {
  static constexpr std::string_view name = "native.start";
  NativeTarget target;
  bool operator==(const NativeStart&) const = default;
};
BOOST_DESCRIBE_STRUCT(NativeStart, (), (target))

/// Stops it and takes its start at boot away, so that a reboot of the host does not undo it.
struct NativeStop {
  static constexpr std::string_view name = "native.stop";
  NativeTarget target;
  bool operator==(const NativeStop&) const = default;
};
BOOST_DESCRIBE_STRUCT(NativeStop, (), (target))

/// Reads service.yml first: what cannot be started is not stopped.
struct NativeRestart {
  static constexpr std::string_view name = "native.restart";
  NativeTarget target;
  bool operator==(const NativeRestart&) const = default;
};
BOOST_DESCRIBE_STRUCT(NativeRestart, (), (target))

template <template <class...> class List>
using Commands = List<ComposeUp,
                      ComposeStop,
                      ComposeRestart,
                      ComposeRebuild,
                      ComposeDown,
                      ComposeDeploy,
                      NativeStart,
                      NativeStop,
                      NativeRestart>;

}  // namespace portoser::protocol
