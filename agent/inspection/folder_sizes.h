/// How much room trees of files take. Blocking; any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace portoser::agent::inspection {

struct FolderSize {
  std::int64_t bytes = 0;  ///< of blocks on the disk, those of the folders themselves among them
  std::int64_t files = 0;  ///< everything but folders
  bool is_whole = true;    ///< else there was no time, or something could not be looked at
};

/// Of what lies in the folder, or of the file, that `path` leads to. A symbolic link inside counts
/// as itself; what has several names in there counts once; what vanishes meanwhile does not count.
/// `is_over` is asked again and again: true ends it.
FolderSize size_of(const std::string& path, const std::function<bool()>& is_over);

}  // namespace portoser::agent::inspection
