#include "common/disk.h"

#include "common/file.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <fcntl.h>
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

bool has_room_for(const std::filesystem::path& path, std::uint64_t bytes) {
  // Without a name, so that nothing of it is left whatever happens.
  const Descriptor file{
      ::open(path.parent_path().c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, S_IRUSR | S_IWUSR)};
  if (!file.is_open()) return !means_disk_full(errno);
  return ::fallocate(file.get(), 0, 0, static_cast<off_t>(bytes)) == 0 || !means_disk_full(errno);
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
