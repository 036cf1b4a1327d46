/// Files of a service that are read and replaced whole, with mode and owner. A symbolic link stays:
/// what it points to is replaced. Blocking; any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace portoser::agent::deployments {

struct WholeFile {
  std::string text;
  mode_t mode = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  bool operator==(const WholeFile&) const = default;
};

/// None: it is not there. Cannot be read, or is no file: `Error`.
std::optional<WholeFile> read_whole(const std::filesystem::path& path);

/// So that whoever reads it, or a machine that loses power, sees the old or the new one. `mark`
/// tells the temporary file, which one that was killed leaves behind, from others; see
/// `remove_unfinished`.
void put_whole(const std::filesystem::path& path, const WholeFile& file, const std::string& mark);
/// Also durable. Not there: fine.
void remove_whole(const std::filesystem::path& path);
void remove_unfinished(const std::filesystem::path& path, const std::string& mark);

}  // namespace portoser::agent::deployments
