#include "agent/transfer/folders.h"

#include "common/error.h"
#include "common/file.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <string_view>
#include <unistd.h>

namespace portoser::agent::transfer {
namespace {

namespace fs = std::filesystem;

struct FolderCloser {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

Error refused(const std::string& path, std::string_view why) {
  return Error{Code::invalid, fmt::format("{} is left alone: {}", path, why), path}
      .reason(folder_refused)
      .hint("remove by hand what is not needed any more");
}

Error failed(std::string_view tried, const fs::path& path) {
  return Error{Code::internal, system_error_text(tried, path), path.string()};
}

std::vector<std::string> names_in(int folder, const fs::path& path) {
  const int own = ::fcntl(folder, F_DUPFD_CLOEXEC, 0);
  const std::unique_ptr<DIR, FolderCloser> list{own < 0 ? nullptr : ::fdopendir(own)};
  if (!list) {
    const Descriptor unused{own};
    throw failed("cannot read", path);
  }
  // The copy shares its place in the folder with the descriptor.
  ::rewinddir(list.get());
  std::vector<std::string> names;
  errno = 0;
  while (const auto* found = ::readdir(list.get())) {
    std::string name = found->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
    errno = 0;
  }
  if (errno != 0) throw failed("cannot read", path);
  return names;
}

/// None: it is no folder but a link or a file.
Descriptor open_folder(int above, const std::string& name) {
  return Descriptor{::openat(above, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
}

dev_t file_system_of(int folder, const fs::path& path) {
  struct stat facts {};
  if (::fstat(folder, &facts) != 0) throw failed("cannot look at", path);
  return facts.st_dev;
}

void empty(int folder, dev_t file_system, const fs::path& path) {
  for (const auto& name : names_in(folder, path)) {
    if (::unlinkat(folder, name.c_str(), 0) == 0 || errno == ENOENT) continue;
    if (errno != EISDIR && errno != EPERM) throw failed("cannot remove", path / name);
    const int why = errno;
    const auto inner = open_folder(folder, name);
    if (!inner.is_open()) {
      // A file that may not be removed is no folder either, which would say nothing.
      if (errno == ENOTDIR || errno == ELOOP) errno = why;
      throw failed("cannot remove", path / name);
    }
    if (file_system_of(inner.get(), path / name) != file_system) {
      throw refused((path / name).string(), "something is mounted there");
    }
    empty(inner.get(), file_system, path / name);
    if (::unlinkat(folder, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
      throw failed("cannot remove", path / name);
    }
  }
}

bool is_too_high(const fs::path& path) {
  constexpr std::ptrdiff_t least = 3;  // "/", "srv", "notes"
  return std::distance(path.begin(), path.end()) < least;
}

std::string without_last_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

}  // namespace

bool is_within(const std::string& path, const std::string& other) {
  if (other == "/") return path.starts_with('/');
  return path == other || path.starts_with(other + "/");
}

std::string real_path(const std::string& path) {
  std::error_code failure;
  const auto real = fs::weakly_canonical(path, failure);
  return without_last_slash(failure ? fs::path{path}.lexically_normal().string() : real.string());
}

void check_folder(const std::string& path, const fs::path& data) {
  if (!path.starts_with('/') || path.find('\0') != std::string::npos) {
    throw refused(path, "it is no absolute path");
  }
  const fs::path written{without_last_slash(path)};
  if (std::find(written.begin(), written.end(), "..") != written.end()) {
    throw refused(path, "\"..\" leads out of it");
  }
  const auto real = real_path(path);
  if (is_too_high(without_last_slash(written.lexically_normal().string())) || is_too_high(real)) {
    throw refused(path, "so much of this host does not belong to one service");
  }
  const auto own = real_path(data.string());
  if (is_within(own, real) || is_within(real, own)) {
    throw refused(path, "it has to do with the agent's own folder");
  }
}

void check_removable(const std::string& path,
                     const fs::path& data,
                     const std::vector<std::string>& mounts) {
  check_folder(path, data);
  const auto written = without_last_slash(path);
  struct stat facts {};
  if (::lstat(written.c_str(), &facts) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return;
    throw failed("cannot look at", written);
  }
  if (S_ISLNK(facts.st_mode)) throw refused(path, "it is a symbolic link");
  if (!S_ISDIR(facts.st_mode)) throw refused(path, "it is no folder");
  const auto real = real_path(path);
  const auto found = std::find_if(mounts.begin(), mounts.end(), [&](const std::string& mount) {
    return is_within(mount, real);
  });
  if (found != mounts.end()) throw refused(path, "something is mounted at " + *found);
}

void remove_tree(const std::string& path, bool keeps_folder) {
  const fs::path written{without_last_slash(path)};
  const Descriptor above{::open(written.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!above.is_open()) {
    if (errno == ENOENT) return;
    throw failed("cannot open", written.parent_path());
  }
  const auto name = written.filename().string();
  const auto folder = open_folder(above.get(), name);
  if (!folder.is_open()) {
    if (errno == ENOENT) return;
    throw failed("cannot open", written);
  }
  const auto file_system = file_system_of(folder.get(), written);
  if (file_system != file_system_of(above.get(), written.parent_path())) {
    throw refused(path, "something is mounted there");
  }
  empty(folder.get(), file_system, written);
  if (keeps_folder) return;
  if (::unlinkat(above.get(), name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
    throw failed("cannot remove", written);
  }
}

}  // namespace portoser::agent::transfer
