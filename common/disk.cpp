#include "common/disk.h"

#include <sys/statvfs.h>

#include <cerrno>
#include <limits>
#include <unistd.h>

namespace portoser {
namespace {

/// What is smaller is of no use: a few files of ours, a page each.
constexpr std::uint64_t least_room = 64U << 10U;

}  // namespace

bool DiskRoom::is_full() const {
  return free_bytes < least_room || !has_files;
}

DiskRoom disk_room(const std::filesystem::path& path) {
  struct statvfs facts {};
  if (::statvfs(path.c_str(), &facts) != 0) {
    constexpr auto endless = std::numeric_limits<std::uint64_t>::max();
    return {endless, endless, true};
  }
  const bool is_root = ::geteuid() == 0;
  DiskRoom room;
  room.free_bytes = std::uint64_t{facts.f_frsize} * (is_root ? facts.f_bfree : facts.f_bavail);
  room.total_bytes = std::uint64_t{facts.f_frsize} * facts.f_blocks;
  // Some file systems (btrfs) do not count files and say 0 for both.
  room.has_files = facts.f_files == 0 || (is_root ? facts.f_ffree : facts.f_favail) > 0;
  return room;
}

bool means_disk_full(int error_number) {
  return error_number == ENOSPC || error_number == EDQUOT;
}

Error disk_full_error(const std::filesystem::path& path, const std::string& what) {
  return Error{Code::unavailable,
               "the disk that holds " + path.string() + " is full: " + what,
               path.string()}
      .reason("DISK_FULL")
      .hint("make room on that disk");
}

}  // namespace portoser
