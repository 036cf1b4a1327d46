#include "agent/inspection/move_mounts.h"

#include "common/mount_points.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <tuple>
#include <utility>

namespace portoser::agent::inspection {
namespace {

constexpr auto compose_service_label = "com.docker.compose.service";

/// The engine names a volume that nobody named by 64 hexadecimal digits.
bool has_no_name(const std::string& volume) {
  constexpr std::size_t digits = 64;
  return volume.size() == digits &&
         volume.find_first_not_of("0123456789abcdef") == std::string::npos;
}

bool is_named(const engine::Mount& mount) {
  return mount.type == "volume" && !mount.volume.empty() && !has_no_name(mount.volume);
}

const engine::ContainerMounts* mounts_of(const MountsSeen& seen, const std::string& id) {
  const auto found = std::find_if(
      seen.mounts.begin(), seen.mounts.end(), [&](const auto& one) { return one.id == id; });
  return found == seen.mounts.end() ? nullptr : &*found;
}

/// Fills the binds, each once.
class Binds {
 public:
  Binds(const MountsSeen& seen, protocol::MoveInventory& inventory)
      : seen_(seen), inventory_(inventory) {}

  /// As the file has it, with its service's name in place of a container's.
  void add_of_file(const std::string& service, const BindMount& mount) {
    add(in_file(mount.source, seen_.folder), service, service, mount.target, mount.is_read_only);
  }
  void add_of_container(const std::string& service,
                        const std::string& container,
                        const engine::Mount& mount) {
    add(in_container(mount.source, seen_.folder),
        service,
        container,
        mount.destination,
        mount.is_read_only);
  }

 private:
  void add(const HostPath& place,
           const std::string& service,
           const std::string& container,
           const std::string& destination,
           bool is_read_only) {
    protocol::MoveBind bind;
    bind.path = place.path;
    bind.container = container;
    bind.in_container = destination;
    bind.is_inside = place.is_inside;
    bind.is_of_system =
        !place.is_inside && is_of_system(place.path, is_read_only, seen_.engine_root);
    bind.is_read_only = is_read_only;
    bind.kind = kind_of(bind.path);
    // Of a service with containers the file says the same again.
    const auto key = std::make_tuple(service, bind.path, destination);
    const bool is_known = container == service && known_.count(key) > 0;
    known_.insert(key);
    if (!is_known) inventory_.binds.push_back(std::move(bind));
  }

  const MountsSeen& seen_;
  protocol::MoveInventory& inventory_;
  std::set<std::tuple<std::string, std::string, std::string>> known_;
};

void add_outside(const protocol::MoveBind& bind, Findings& findings) {
  const auto who = bind.container.empty() ? std::string{"compose"} : bind.container;
  if (bind.kind == "missing") {
    findings.info(
        bind.path,
        fmt::format("{} uses {}, which is not there: nothing of it can go along", who, bind.path));
    return;
  }
  findings.warning("MOUNT_OUTSIDE",
                   bind.path,
                   fmt::format("{} uses {}, which is not in the service's folder", who, bind.path),
                   "it stays behind unless the move is told to take it along");
}

/// Options of the driver "local" that put the data elsewhere than into the engine's own folder.
std::string where_else(const engine::Volume& volume) {
  if (volume.driver != "local") return fmt::format("its driver is {}", volume.driver);
  const auto option = [&](const char* name) {
    const auto found = volume.options.find(name);
    return found == volume.options.end() ? std::string{} : found->second;
  };
  if (const auto device = option("device"); !device.empty()) {
    return fmt::format("its data lies in {}", device);
  }
  if (const auto type = option("type"); !type.empty()) return fmt::format("its type is {}", type);
  return {};
}

/// Containers that are not the service's and use the volume, or its folder by a path.
std::vector<std::string> other_users(const MountsSeen& seen, const engine::Volume& volume) {
  std::vector<std::string> names;
  for (const auto& container : seen.mounts) {
    if (seen.own_ids.count(container.id) > 0) continue;
    const auto uses = [&](const engine::Mount& mount) {
      return mount.type == "volume" ? mount.volume == volume.name
                                    : !volume.mount_point.empty() &&
                                          is_at_or_below(normal(mount.source), volume.mount_point);
    };
    if (std::any_of(container.mounts.begin(), container.mounts.end(), uses)) {
      names.push_back(container.name);
    }
  }
  return names;
}

/// Containers that are not the service's and can write to the folder, or to something in it.
std::vector<std::string> other_writers(const MountsSeen& seen, const std::string& path) {
  std::error_code failure;
  const auto real = std::filesystem::weakly_canonical(path, failure).string();
  std::vector<std::string> names;
  for (const auto& container : seen.mounts) {
    if (seen.own_ids.count(container.id) > 0) continue;
    const auto writes = [&](const engine::Mount& mount) {
      if (mount.type != "bind" || mount.is_read_only) return false;
      if (is_at_or_below(normal(mount.source), path)) return true;
      std::error_code unknown;
      const auto source = std::filesystem::weakly_canonical(mount.source, unknown).string();
      return !failure && !unknown && is_at_or_below(source, real);
    };
    if (std::any_of(container.mounts.begin(), container.mounts.end(), writes)) {
      names.push_back(container.name);
    }
  }
  return names;
}

/// That a move can be told to take along.
std::set<std::string> folders_outside(const protocol::MoveInventory& inventory) {
  std::set<std::string> paths;
  for (const auto& bind : inventory.binds) {
    if (!bind.is_inside && !bind.is_of_system && bind.kind == "folder") paths.insert(bind.path);
  }
  return paths;
}

void judge_volume(const protocol::MoveVolume& volume,
                  const std::string& elsewhere,
                  Findings& findings) {
  if (!elsewhere.empty()) {
    findings.error(
        "VOLUME_NOT_LOCAL",
        volume.volume,
        fmt::format("the volume {} cannot be moved: {}", volume.volume, elsewhere),
        "make a plain volume or a folder of it first; what lies on a server needs no move");
  }
  if (!volume.others.empty()) {
    findings.error(
        "VOLUME_SHARED",
        volume.volume,
        fmt::format(
            "the volume {} is also used by {}", volume.volume, fmt::join(volume.others, ", ")),
        "move the data apart first, or remove these containers");
  }
}

/// Volumes of the service's containers that have a name; those without one are told apart.
std::set<std::string> mounted_volumes(const MountsSeen& seen,
                                      protocol::MoveInventory& inventory,
                                      Findings& findings) {
  std::set<std::string> names;
  std::set<std::string> without_name;
  for (const auto& container : seen.own) {
    const auto* mounted = mounts_of(seen, container.id);
    if (mounted == nullptr) continue;
    for (const auto& mount : mounted->mounts) {
      if (is_named(mount)) names.insert(mount.volume);
      if (mount.type != "volume" || is_named(mount)) continue;
      without_name.insert(mount.destination);
      findings.warning("ANONYMOUS_VOLUME",
                       mount.destination,
                       fmt::format("what {} keeps in {} lies in a volume without a name: it stays "
                                   "behind",
                                   container.name,
                                   mount.destination),
                       "give it a name in the compose file if it matters");
    }
  }
  inventory.anonymous.assign(without_name.begin(), without_name.end());
  return names;
}

}  // namespace

void take_binds(const MountsSeen& seen, protocol::MoveInventory& inventory, Findings& findings) {
  findings.begin("mounts");
  Binds binds{seen, inventory};
  for (const auto& container : seen.own) {
    const auto* mounted = mounts_of(seen, container.id);
    if (mounted == nullptr) continue;
    for (const auto& mount : mounted->mounts) {
      if (mount.type != "bind") continue;
      binds.add_of_container(container.label(compose_service_label), container.name, mount);
    }
  }
  for (const auto& service : seen.services) {
    for (const auto& mount : service.binds) binds.add_of_file(service.name, mount);
  }
  for (const auto& file : seen.files) {
    // The folder has it under its own name, or a container has it: nothing more to say.
    const auto place = in_file(file, seen.folder);
    const auto is_known = [&](const auto& one) { return one.path == place.path; };
    if (place.is_inside || std::any_of(inventory.binds.begin(), inventory.binds.end(), is_known)) {
      continue;
    }
    BindMount read;
    read.source = file;
    read.is_read_only = true;
    binds.add_of_file({}, read);
  }
  std::set<std::string> told;
  for (const auto& bind : inventory.binds) {
    if (bind.is_inside || bind.is_of_system || !told.insert(bind.path).second) continue;
    add_outside(bind, findings);
  }
}

void take_volumes(const MountsSeen& seen, protocol::MoveInventory& inventory, Findings& findings) {
  findings.begin("volumes");
  auto names = mounted_volumes(seen, inventory, findings);
  names.insert(seen.volumes.begin(), seen.volumes.end());
  for (const auto& volume : seen.there) {
    if (names.count(volume.name) == 0) continue;
    protocol::MoveVolume one;
    one.volume = volume.name;
    one.driver = volume.driver;
    one.path = volume.mount_point;
    one.has_options = !volume.options.empty();
    one.labels = volume.labels;
    one.options = volume.options;
    one.others = other_users(seen, volume);
    judge_volume(one, where_else(volume), findings);
    inventory.volumes.push_back(std::move(one));
  }
  std::sort(inventory.volumes.begin(),
            inventory.volumes.end(),
            [](const auto& one, const auto& other) { return one.volume < other.volume; });
}

void check_folder_users(const MountsSeen& seen, Findings& findings) {
  findings.begin("folder_users");
  for (const auto& container : seen.mounts) {
    if (seen.own_ids.count(container.id) > 0) continue;
    for (const auto& mount : container.mounts) {
      if (mount.type != "bind") continue;
      const auto place = in_container(mount.source, seen.folder);
      if (!place.is_inside) continue;
      const auto message =
          fmt::format("{} uses {}, which goes along with the service", container.name, place.path);
      if (mount.is_read_only) {
        findings.warning("MOVE_FOLDER_SHARED", container.name, message, "it will find it empty");
      } else {
        findings.error("MOVE_FOLDER_SHARED",
                       container.name,
                       message,
                       "give it a folder of its own, or remove it");
      }
      break;
    }
  }
}

void check_mounts_below(const MountsSeen& seen,
                        const protocol::MoveInventory& inventory,
                        Findings& findings) {
  findings.begin("mount_points");
  const auto check = [&](const std::string& subject, const std::string& folder) {
    const auto below = mounts_below(folder, seen.mount_points);
    if (below.empty()) return;
    findings.error("MOUNT_BELOW",
                   subject,
                   fmt::format("{} cannot be moved: other file systems are mounted in it, at {}",
                               subject,
                               fmt::join(below, ", ")),
                   "mount them elsewhere, and let the compose file name that place");
  };
  check(seen.folder.real, seen.folder.real);
  for (const auto& volume : inventory.volumes) {
    if (!volume.path.empty()) check(volume.volume, volume.path);
  }
  for (const auto& path : folders_outside(inventory)) check(path, path);
}

void check_bind_users(const MountsSeen& seen,
                      const protocol::MoveInventory& inventory,
                      Findings& findings) {
  findings.begin("bind_users");
  for (const auto& path : folders_outside(inventory)) {
    const auto users = other_writers(seen, path);
    if (users.empty()) continue;
    findings.error("MOUNT_SHARED",
                   path,
                   fmt::format("{} is also written to by {}", path, fmt::join(users, ", ")),
                   "leave it where it is, or move the data apart first");
  }
}

}  // namespace portoser::agent::inspection
