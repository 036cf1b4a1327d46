/// A disk of a test's own that is small enough to be filled.
///
/// It is a tmpfs: a file system with a size of its own, so that ENOSPC, statvfs and the room that a
/// deleted file gives back are those of a real disk, and that needs no loop device, no image and no
/// mkfs, which a container often has not. What it cannot show is what a power cut leaves: it is
/// memory, and fsync does nothing. Needs root.
#pragma once

#include <cstddef>
#include <filesystem>

namespace portoser::test {

class SmallDisk {
 public:
  /// Mounted on `folder`, which is made. `Error{internal}` when it cannot be. Calls
  /// `clear_abandoned_disks` first.
  explicit SmallDisk(std::filesystem::path folder, std::size_t mebibytes = 8);
  /// Unmounts it, also when a program has a file open there. With PORTOSER_TEST_KEEP a copy of what
  /// lay on it takes its place.
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  /// Until not one more byte can be written. Once more after something was deleted.
  void fill() const;
  /// Leaves so many free pages (4 KiB each) for others to run into the end.
  void fill_but(std::size_t pages) const;
  void make_room() const;
  [[nodiscard]] const std::filesystem::path& path() const { return folder_; }

 private:
  [[nodiscard]] std::filesystem::path ballast() const { return folder_ / "ballast"; }

  std::filesystem::path folder_;
};

/// Unmounts those whose test program is gone.
void clear_abandoned_disks();

}  // namespace portoser::test
