/// The file on disk as its writers share it: locked, compared, replaced whole. Private to the room.
/// Blocking; one thread at a time.
#pragma once

#include "common/file.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace portoser::registry {

class RegistryFile {
 public:
  /// `path` may be a link: what it leads to is what is read and replaced. `before_replace` is for
  /// tests: it runs between the reading and the replacing.
  explicit RegistryFile(std::filesystem::path path, std::function<void()> before_replace = {});

  /// Holds `<file>.lock` (flock) against other processes that write, as long as it lives. Of a
  /// link, the lock stands beside what it leads to.
  class Lock {
   public:
    explicit Lock(Descriptor file) : file_(std::move(file)) {}

   private:
    Descriptor file_;
  };
  using Deadline = std::chrono::steady_clock::time_point;
  /// Waits for it. Held by another process until then: `Error{unavailable}`, REGISTRY_LOCKED. The
  /// folder cannot be written: REGISTRY_NOT_WRITABLE. `stop` ends the wait: STOPPING.
  [[nodiscard]] Lock lock(Deadline deadline, const std::atomic<bool>& stop) const;

  /// Whether nobody has written to it for a moment: some programs save in several steps.
  [[nodiscard]] bool is_at_rest() const;
  /// The folder cannot be written now: `Error{unavailable}`, REGISTRY_NOT_WRITABLE.
  void require_writable() const;

  /// None: there is no file. Anything but a regular file, or more than 4 MiB: `Error{conflict}`,
  /// REGISTRY_BROKEN.
  [[nodiscard]] std::optional<std::string> read() const;

  /// Puts `after` in the place of `before`, which `read` gave: a temporary file beside it with its
  /// mode and owner, fsync, an exchange of the two, fsync of the folder. Whoever looks, or a
  /// machine that loses power, sees one or the other. False, and nothing is changed: somebody saved
  /// the file meanwhile. `Error{unavailable}`: DISK_FULL, REGISTRY_NOT_WRITABLE; nothing is
  /// changed.
  [[nodiscard]] bool replace(const std::optional<std::string>& before,
                             std::string_view after) const;

 private:
  [[nodiscard]] std::filesystem::path target() const;

  std::filesystem::path path_;
  std::function<void()> before_replace_;
};

}  // namespace portoser::registry
