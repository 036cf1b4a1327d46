/// Files as the project needs them: read with a bound, replaced whole, locked. Blocking; any
/// thread. A disk that has no room is `Error{unavailable}`, DISK_FULL; other failures are
/// `internal`.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace portoser {

/// The whole file. Missing: `Error{not_found}`; larger than `limit` bytes: `Error{too_large}`.
std::string read_file(const std::filesystem::path& path, std::size_t limit = 16U << 20U);

/// Replaces the file so that a reader, or a machine that loses power, sees the old or the new one:
/// a temporary file beside it, fsync, rename, fsync of the folder.
void write_file_atomic(const std::filesystem::path& path,
                       std::string_view content,
                       unsigned mode = 0644);

/// Creates the folder and its parents; `mode` is for the last one. An existing folder is left
/// alone.
void make_folder(const std::filesystem::path& path, unsigned mode = 0755);

/// A descriptor that closes itself.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  int release();

 private:
  int fd_ = -1;
};

/// An exclusive lock on a file (flock), held until destruction; the kernel gives it back when the
/// process dies.
class FileLock {
 public:
  /// Does not wait: held by somebody else is `Error{conflict}`.
  explicit FileLock(const std::filesystem::path& path);

 private:
  Descriptor file_;
};

/// The text of the last failed system call with what was tried: "cannot open /x: No such file".
std::string system_error_text(std::string_view tried, const std::filesystem::path& path);

}  // namespace portoser
