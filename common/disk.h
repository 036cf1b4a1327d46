/// How much room a disk has. Any thread; a system call that does not block on a local disk.
#pragma once

#include "common/error.h"

#include <cstdint>
#include <filesystem>
#include <string>

namespace portoser {

struct DiskRoom {
  std::uint64_t free_bytes = 0;  ///< for this process: root may use what is set aside
  std::uint64_t total_bytes = 0;
  bool has_files = true;  ///< false: no file can be added, whatever the bytes
  [[nodiscard]] bool is_full() const;
};

/// Of the disk that holds `path`, which must exist. Cannot be asked: room without end.
DiskRoom disk_room(const std::filesystem::path& path);

/// Whether a file beside `path` could grow by so much just now: what statvfs promises, quotas and
/// reserves may not keep. A file system that cannot be asked: true.
bool has_room_for(const std::filesystem::path& path, std::uint64_t bytes);

/// `ENOSPC`, or `EDQUOT`: a quota is a disk of its own.
bool means_disk_full(int error_number);

/// The one error for it: `unavailable`, DISK_FULL. `what` says what was not done because of it.
Error disk_full_error(const std::filesystem::path& path, const std::string& what);

}  // namespace portoser
