/// The table of mounts, read again only when the kernel says that it changed.
#pragma once

#include "agent/collect/problems.h"
#include "agent/collect/pseudo_file.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::agent::collect {

struct DeviceNumber {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  bool operator==(const DeviceNumber&) const = default;
};

struct Mount {
  DeviceNumber device;
  std::string root;  ///< which folder of the file system is mounted: "/" for all of it
  std::string mount_point;
  std::string type;
  std::string source;   ///< "/dev/vda"
  std::string options;  ///< of the file system; kept for cgroups only, overlays have long ones
};

/// "254:0"
std::optional<DeviceNumber> parse_device(std::string_view text);
/// A line of mountinfo (proc(5)), octal escapes decoded; nullopt: not one.
std::optional<Mount> parse_mount(std::string_view line);
std::vector<Mount> parse_mounts(std::string_view text);

class MountTable {
 public:
  explicit MountTable(const std::string& proc) : file_(proc + "/self/mountinfo") {}

  /// True when the table was read anew.
  bool refresh(ReadBuffer& buffer, Problems& problems);
  [[nodiscard]] const std::vector<Mount>& mounts() const { return mounts_; }

 private:
  [[nodiscard]] bool has_changed() const;

  PseudoFile file_;
  std::vector<Mount> mounts_;
  bool is_read_ = false;
};

}  // namespace portoser::agent::collect
