#include "agent/inspection/folder_sizes.h"

#include "common/file.h"

#include <sys/stat.h>

#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

namespace portoser::agent::inspection {
namespace {

constexpr std::int64_t block = 512;  // the unit of st_blocks, whatever the file system's is
constexpr int entries_between_looks = 256;

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

class Walk {
 public:
  explicit Walk(const std::function<bool()>& is_over) : is_over_(is_over) {}

  FolderSize of(const std::string& root) {
    struct stat status {};
    if (::stat(root.c_str(), &status) != 0) {
      size_.is_whole = false;
      return size_;
    }
    add(status);
    if (!S_ISDIR(status.st_mode)) return size_;
    // Names instead of open folders: a deep tree needs no descriptor for each level.
    pending_.push_back(root);
    while (!pending_.empty()) {
      if (is_over_()) {
        size_.is_whole = false;
        break;
      }
      const auto folder = std::move(pending_.back());
      pending_.pop_back();
      look_into(folder, folder == root);
    }
    return size_;
  }

 private:
  void look_into(const std::string& folder, bool is_root) {
    // Only the root may be reached by a symbolic link: another one is there since we looked.
    const int only_itself = is_root ? 0 : O_NOFOLLOW;
    Descriptor opened{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | only_itself)};
    if (!opened.is_open()) return note_failure();
    const std::unique_ptr<DIR, CloseFolder> open{::fdopendir(opened.get())};
    if (!open) return note_failure();
    opened.release();
    const int descriptor = ::dirfd(open.get());
    for (int seen = 1;; ++seen) {
      errno = 0;
      const auto* entry = ::readdir(open.get());
      if (entry == nullptr) break;
      const std::string_view name{entry->d_name};
      if (name == "." || name == "..") continue;
      struct stat status {};
      if (::fstatat(descriptor, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        note_failure();
        continue;
      }
      add(status);
      if (S_ISDIR(status.st_mode)) pending_.push_back(folder + "/" + entry->d_name);
      if (seen % entries_between_looks == 0 && is_over_()) {
        size_.is_whole = false;
        pending_.clear();
        return;
      }
    }
    if (errno != 0) note_failure();
  }

  void add(const struct stat& status) {
    const bool is_folder = S_ISDIR(status.st_mode);
    const bool has_other_names = !is_folder && status.st_nlink > 1;
    if (has_other_names && !linked_.emplace(status.st_dev, status.st_ino).second) return;
    size_.bytes += static_cast<std::int64_t>(status.st_blocks) * block;
    if (!is_folder) ++size_.files;
  }

  void note_failure() {
    if (errno != ENOENT) size_.is_whole = false;
  }

  const std::function<bool()>& is_over_;
  FolderSize size_;
  std::vector<std::string> pending_;
  std::set<std::pair<dev_t, ino_t>> linked_;
};

}  // namespace

FolderSize size_of(const std::string& path, const std::function<bool()>& is_over) {
  return Walk{is_over}.of(path);
}

}  // namespace portoser::agent::inspection
