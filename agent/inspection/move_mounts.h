/// What of a service's volumes and paths goes with it to another host, and what stands against it.
/// Sizes are not counted here. Looks at paths; blocking; any thread.
#pragma once

#include "agent/engine/container.h"
#include "agent/engine/storage.h"
#include "agent/inspection/compose_model.h"
#include "agent/inspection/findings.h"
#include "agent/inspection/move_paths.h"
#include "protocol/questions.h"

#include <set>
#include <string>
#include <vector>

namespace portoser::agent::inspection {

/// What is known of a service before its mounts are judged.
struct MountsSeen {
  ServiceFolder folder;
  std::string engine_root;             ///< empty: unknown
  std::vector<ModelService> services;  ///< that the move is about
  std::vector<std::string> volumes;    ///< that the file names, external ones too
  std::vector<std::string> files;      ///< absolute: what compose itself reads
  std::vector<engine::Container> own;  ///< containers of the service, in whatever state
  std::set<std::string> own_ids;       ///< theirs, and those of one-off containers of the service
  std::vector<engine::ContainerMounts> mounts;  ///< of all containers of the host
  std::vector<engine::Volume> there;            ///< all volumes of the host
  std::vector<std::string> mount_points;        ///< of the host
};

/// Fills `binds`; without an engine those of the file.
void take_binds(const MountsSeen& seen, protocol::MoveInventory& inventory, Findings& findings);
/// Fills `volumes` and `anonymous`.
void take_volumes(const MountsSeen& seen, protocol::MoveInventory& inventory, Findings& findings);
/// Of the folder, of what `volumes` has, and of the folders outside among `binds`: what is mounted
/// below. MOUNT_BELOW, whose subject is the folder, the name of the volume, or the path.
void check_mounts_below(const MountsSeen& seen,
                        const protocol::MoveInventory& inventory,
                        Findings& findings);
/// Containers that are not the service's and write to a folder outside among `binds`: MOUNT_SHARED,
/// whose subject is the path.
void check_bind_users(const MountsSeen& seen,
                      const protocol::MoveInventory& inventory,
                      Findings& findings);
/// Containers that are not the service's and mount something of its folder.
void check_folder_users(const MountsSeen& seen, Findings& findings);

}  // namespace portoser::agent::inspection
