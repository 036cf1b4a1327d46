/// What lies in a folder, so exactly that two hosts can compare it: every entry with all that a
/// service may depend on. Sizes and times that a copy cannot have (of folders the size, of all the
/// time of the last access) are left out.
#pragma once

#include "common/file.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace portoser::agent::transfer {

struct Entry {
  std::string path;        ///< below the folder, as bytes; empty: the folder itself
  char type = '-';         ///< as `ls` says: - d l p s c b
  std::uint32_t mode = 0;  ///< permissions with setuid, setgid and sticky
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t size = 0;     ///< of files and symbolic links
  std::string target;        ///< of a symbolic link
  std::string link_of;       ///< the first path of the same file; empty: this is it
  std::uint64_t device = 0;  ///< of c and b: its number
  std::string attributes;    ///< of user.*, capabilities and ACLs: SHA-256; empty: it has none
  std::string content;       ///< of a file: SHA-256; empty where `link_of` is not
  bool operator==(const Entry&) const = default;
};

std::string to_line(const Entry& entry);
/// Not made by `to_line`: `Error{invalid}`.
Entry entry_from(std::string_view line);

/// The order of a walk: a folder, then what is in it, names by their bytes.
bool comes_before(std::string_view path, std::string_view other);

/// Goes through a folder. Keeps in memory the names of the folders that it is in, and the files
/// with more than one link of which some have not come yet. Does not follow links. Blocking; one
/// thread.
class ManifestWalk {
 public:
  /// `skips_lost_and_found`: the folder of that name right below `root` belongs to the file system.
  /// `alive` is called again and again while a file is read; empty: nobody asks.
  /// No folder: `Error{not_found}`; cannot be read, here and below: `Error{internal}`.
  ManifestWalk(const std::filesystem::path& root,
               bool skips_lost_and_found,
               std::function<void()> alive = {});

  /// None: that was the last.
  std::optional<Entry> next();

 private:
  struct Level {
    Descriptor folder;
    std::string prefix;              ///< of the paths in it
    std::vector<std::string> names;  ///< last first
  };
  /// A file with several names.
  struct Linked {
    std::string first;       ///< the path under which it came first
    std::uint64_t left = 0;  ///< names that have not come yet, wherever they are
  };

  void enter(Descriptor folder, const std::string& prefix);
  [[nodiscard]] std::string shown(const std::string& path) const;
  Entry look(const Level& level, const std::string& name);
  [[nodiscard]] std::string content_of(int folder, const std::string& name, Entry& entry) const;
  [[nodiscard]] std::string attributes_of(const std::string& way, const std::string& path) const;

  std::filesystem::path root_;
  bool skips_lost_and_found_;
  std::function<void()> alive_;
  std::optional<Entry> first_;
  std::vector<Level> levels_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, Linked> linked_;  ///< device and inode
};

}  // namespace portoser::agent::transfer
