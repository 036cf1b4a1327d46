#include "controller/registry/file.h"

#include "common/disk.h"
#include "common/error.h"
#include "common/ids.h"
#include "controller/registry/text.h"

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <fcntl.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace portoser::registry {
namespace {

constexpr std::chrono::milliseconds lock_retry{10};
constexpr mode_t mode_of_new_file = 0644;

/// Of the system call that has just failed.
Error cannot_write(std::string_view tried, const std::filesystem::path& path) {
  const int code = errno;
  const auto text = system_error_text(tried, path);
  if (means_disk_full(code)) return disk_full_error(path.parent_path(), text);
  // EBUSY: the file itself is mounted, as containers do it.
  if (code != EACCES && code != EPERM && code != EROFS && code != EBUSY) {
    return Error{Code::internal, text, path.string()};
  }
  return Error{Code::unavailable, text, path.string()}
      .reason("REGISTRY_NOT_WRITABLE")
      .hint(
          "let the controller's user write registry.yml and its folder (into a container mount "
          "the folder, not the file), or edit the file by hand: a save is picked up at once");
}

/// The temporary file: gone at the end, whatever it holds then.
class Temporary {
 public:
  explicit Temporary(const std::filesystem::path& target)
      : path_(target.parent_path() /
              fmt::format(".{}.{}", target.filename().string(), random_hex(6))),
        file_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {
    if (!file_.is_open()) throw cannot_write("cannot create", path_);
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary() { ::unlink(path_.c_str()); }

  void write(std::string_view content) const {
    while (!content.empty()) {
      const auto written = ::write(file_.get(), content.data(), content.size());
      if (written < 0) {
        if (errno == EINTR) continue;
        throw cannot_write("cannot write", path_);
      }
      content.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  /// `like`: the file whose mode and owner it gets; null: there is none.
  void dress(const struct stat* like) const {
    const auto mode = like != nullptr ? like->st_mode & 07777U : mode_of_new_file;
    struct stat own {};
    if (::fstat(file_.get(), &own) != 0) throw cannot_write("cannot look at", path_);
    const bool is_other =
        like != nullptr && (like->st_uid != own.st_uid || like->st_gid != own.st_gid);
    if (is_other && ::fchown(file_.get(), like->st_uid, like->st_gid) != 0) {
      throw cannot_write("cannot keep the owner of the registry in", path_);
    }
    if (::fchmod(file_.get(), mode) != 0) throw cannot_write("cannot set the mode of", path_);
    if (::fsync(file_.get()) != 0) throw cannot_write("cannot flush", path_);
  }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  Descriptor file_;
};

/// Of writers that were killed. Under the lock no other one is at work.
void remove_leftovers(const std::filesystem::path& target) {
  const auto prefix = fmt::format(".{}.", target.filename().string());
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator{target.parent_path(), failure}) {
    const auto name = entry.path().filename().string();
    const bool is_ours =
        name.starts_with(prefix) && name.size() == prefix.size() + 12 &&
        name.find_first_not_of("0123456789abcdef", prefix.size()) == std::string::npos;
    if (is_ours) ::unlink(entry.path().c_str());
  }
}

void flush_folder(const std::filesystem::path& folder) {
  const Descriptor directory{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (directory.is_open()) ::fsync(directory.get());
}

/// Network folders and old kernels know no flags.
bool means_no_flags(int error_number) {
  return error_number == EINVAL || error_number == ENOSYS || error_number == EOPNOTSUPP;
}

std::optional<std::string> read_regular(const std::filesystem::path& path) {
  std::error_code failure;
  const auto status = std::filesystem::status(path, failure);
  if (!std::filesystem::exists(status)) return std::nullopt;
  // A pipe or a device in its place would block the reader for ever.
  if (!std::filesystem::is_regular_file(status)) {
    throw Error{Code::conflict, path.string() + " is not a regular file", path.string()}.reason(
        "REGISTRY_BROKEN");
  }
  try {
    return read_file(path, max_registry_bytes);
  } catch (const Error& error) {
    if (error.code() == Code::not_found) return std::nullopt;
    if (error.code() == Code::too_large) {
      throw Error{Code::conflict, error.message(), error.where()}.reason("REGISTRY_BROKEN");
    }
    throw;
  }
}

}  // namespace

RegistryFile::RegistryFile(std::filesystem::path path, std::function<void()> before_replace)
    : path_(std::move(path)), before_replace_(std::move(before_replace)) {}

std::filesystem::path RegistryFile::target() const {
  std::error_code failure;
  auto resolved = std::filesystem::weakly_canonical(path_, failure);
  return failure ? std::filesystem::absolute(path_) : resolved;
}

RegistryFile::Lock RegistryFile::lock(Deadline deadline, const std::atomic<bool>& stop) const {
  auto path = target();
  path += ".lock";
  Descriptor file{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, mode_of_new_file)};
  if (!file.is_open()) throw cannot_write("cannot open", path);
  ::fchmod(file.get(), mode_of_new_file);  // others may want it too; not ours to change: so be it
  while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) throw cannot_write("cannot lock", path);
    if (stop) throw Error{Code::unavailable, "the controller is stopping"}.reason("STOPPING");
    if (std::chrono::steady_clock::now() >= deadline) {
      throw Error{Code::unavailable,
                  "another process keeps registry.yml locked: " + path.string(),
                  path.string()}
          .reason("REGISTRY_LOCKED")
          .hint("fuser -v " + path.string() + " names it");
    }
    std::this_thread::sleep_for(lock_retry);
  }
  return Lock{std::move(file)};
}

bool RegistryFile::is_at_rest() const {
  constexpr std::chrono::milliseconds rest{300};
  struct stat now {};
  if (::stat(target().c_str(), &now) != 0) return true;
  struct timespec clock {};
  ::clock_gettime(CLOCK_REALTIME, &clock);
  const auto age = std::chrono::seconds{clock.tv_sec - now.st_mtim.tv_sec} +
                   std::chrono::nanoseconds{clock.tv_nsec - now.st_mtim.tv_nsec};
  // A date of the future says nothing.
  return age < std::chrono::nanoseconds{0} || age >= rest;
}

void RegistryFile::require_writable() const {
  const auto folder = target().parent_path();
  if (::access(folder.c_str(), W_OK | X_OK) != 0) throw cannot_write("cannot write to", folder);
}

std::optional<std::string> RegistryFile::read() const {
  return read_regular(target());
}

bool RegistryFile::replace(const std::optional<std::string>& before, std::string_view after) const {
  const auto path = target();
  struct stat old {};
  const bool is_there = ::stat(path.c_str(), &old) == 0;
  if (is_there != before.has_value()) return false;
  remove_leftovers(path);
  const Temporary temporary{path};
  temporary.write(after);
  temporary.dress(is_there ? &old : nullptr);
  if (before_replace_) before_replace_();
  if (read_regular(path) != before) return false;
  const unsigned flags = is_there ? RENAME_EXCHANGE : RENAME_NOREPLACE;
  if (::renameat2(AT_FDCWD, temporary.path().c_str(), AT_FDCWD, path.c_str(), flags) == 0) {
    // Who saved between the look and the exchange has what they saved under the temporary name.
    if (is_there && read_regular(temporary.path()) != before) {
      ::renameat2(AT_FDCWD, temporary.path().c_str(), AT_FDCWD, path.c_str(), RENAME_EXCHANGE);
      return false;
    }
  } else if (errno == EEXIST || errno == ENOENT) {
    return false;
  } else if (!means_no_flags(errno)) {
    throw cannot_write("cannot replace", path);
  } else if (::rename(temporary.path().c_str(), path.c_str()) != 0) {
    throw cannot_write("cannot replace", path);
  }
  flush_folder(path.parent_path());
  return true;
}

}  // namespace portoser::registry
