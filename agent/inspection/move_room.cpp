#include "agent/inspection/move_room.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

namespace portoser::agent::inspection {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t mib = 1 << 20;
/// Left over after a move; with less a host soon stops writing.
constexpr std::int64_t left_over = 64 * mib;

/// One file system, and what is wanted of it.
struct Disk {
  std::string path;  ///< something on it
  std::int64_t free = 0;
  std::int64_t wanted = 0;
  bool takes_files = false;
};

std::int64_t with_margin(std::int64_t bytes) {
  constexpr std::int64_t share = 5;
  return bytes + bytes / share;
}

std::string whole_mebibytes(std::int64_t bytes) {
  return fmt::format("{} MiB", bytes / mib);
}

/// The folder that is there, of those that lead to the path.
std::string nearest(const std::string& path) {
  std::error_code failure;
  fs::path here{path};
  while (here.has_relative_path() && !fs::exists(here, failure)) here = here.parent_path();
  return here.string();
}

/// By their file systems, those of the engine with those of the files.
class Disks {
 public:
  explicit Disks(Findings& findings) : findings_(findings) {}

  /// Nullptr, with a finding: nobody knows.
  Disk* of(const std::string& path) {
    const auto here = nearest(path);
    struct stat status {};
    struct statvfs room {};
    if (::stat(here.c_str(), &status) != 0 || ::statvfs(here.c_str(), &room) != 0) {
      findings_.warning("DISK_UNKNOWN", path, "how much room is left there cannot be told", "");
      return nullptr;
    }
    auto& disk = disks_[status.st_dev];
    if (disk.path.empty()) {
      disk.path = here;
      disk.free =
          static_cast<std::int64_t>(room.f_bavail) * static_cast<std::int64_t>(room.f_frsize);
    }
    return &disk;
  }
  [[nodiscard]] std::vector<Disk> all() const {
    std::vector<Disk> disks;
    for (const auto& [number, disk] : disks_) disks.push_back(disk);
    return disks;
  }

 private:
  Findings& findings_;
  std::map<dev_t, Disk> disks_;
};

void add_full(const Disk& disk, std::int64_t wanted, Findings& findings) {
  findings.error("DISK_FULL",
                 disk.path,
                 fmt::format("the disk that holds {} has {} left, and the move needs {}",
                             disk.path,
                             whole_mebibytes(disk.free),
                             whole_mebibytes(wanted)),
                 "make room there, or move the service to another host");
}

}  // namespace

void check_move_room(const std::vector<std::string>& files,
                     std::int64_t file_bytes,
                     const std::vector<RoomWanted>& stores,
                     Findings& findings) {
  findings.begin("disk");
  Disks disks{findings};
  for (const auto& store : stores) {
    if (auto* disk = disks.of(store.path)) disk->wanted += with_margin(store.bytes);
  }
  for (const auto& path : files) {
    if (auto* disk = disks.of(path)) disk->takes_files = true;
  }
  const auto wanted_for_files = with_margin(file_bytes);
  const auto all = disks.all();
  const auto takers =
      std::count_if(all.begin(), all.end(), [](const Disk& disk) { return disk.takes_files; });
  std::int64_t room_for_files = 0;
  for (const auto& disk : all) {
    // The only one that takes files takes all of them; among several their shares are not known.
    const auto wanted = disk.wanted + (disk.takes_files && takers == 1 ? wanted_for_files : 0);
    const auto left = disk.free - left_over - wanted;
    if (left < 0) add_full(disk, wanted + left_over, findings);
    if (disk.takes_files) room_for_files += std::max<std::int64_t>(0, left);
  }
  if (takers > 1 && room_for_files < wanted_for_files) {
    findings.error("DISK_FULL",
                   files.front(),
                   fmt::format("the disks that take the files of the service have {} left, and it "
                               "needs {}",
                               whole_mebibytes(room_for_files),
                               whole_mebibytes(wanted_for_files)),
                   "make room there, or move the service to another host");
  }
}

}  // namespace portoser::agent::inspection
