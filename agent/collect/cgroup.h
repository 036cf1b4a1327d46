/// What a container uses, read from its cgroup: version 1, version 2, or a machine that has both.
#pragma once

#include "agent/collect/mounts.h"
#include "agent/collect/problems.h"
#include "agent/collect/pseudo_file.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::agent::collect {

enum class CgroupVersion { v1, v2 };

/// A mounted hierarchy of cgroups.
struct CgroupMount {
  CgroupVersion version = CgroupVersion::v2;
  std::string controllers;  ///< "rw,cpu,cpuacct": the mount's options; version 1 only
  std::string root;         ///< which cgroup is mounted: "/" for all of them
  std::string mount_point;  ///< as we open it
  bool operator==(const CgroupMount&) const = default;
};

/// `root` stands before every mount point. Mounts of whole hierarchies come first.
std::vector<CgroupMount> cgroup_mounts(const std::vector<Mount>& mounts, const std::string& root);

struct CgroupPlace {
  CgroupVersion version = CgroupVersion::v2;
  std::string folder;
};

/// Where a controller accounts for a process. `text` is its /proc/PID/cgroup. The path is cut
/// behind the container's id: a process may have gone into a cgroup of its own below (systemd in a
/// container does). nullopt: the hierarchy is not mounted here.
std::optional<CgroupPlace> place_of(std::string_view text,
                                    std::string_view controller,
                                    std::string_view container_id,
                                    const std::vector<CgroupMount>& mounts);

struct IoBytes {
  std::int64_t read = 0;
  std::int64_t written = 0;
};

std::optional<std::int64_t> parse_cpu_stat(std::string_view text);  ///< v2, nanoseconds
/// A file of one number: cpuacct.usage (v1, nanoseconds), memory in use, its limit.
std::optional<std::int64_t> parse_number(std::string_view text);
/// memory.stat of both: file pages that the kernel would drop first.
std::int64_t parse_inactive_file(std::string_view text, CgroupVersion version);
std::optional<IoBytes> parse_blkio(std::string_view text);    ///< v1, all devices
std::optional<IoBytes> parse_io_stat(std::string_view text);  ///< v2, all devices

struct CgroupUsage {
  std::optional<std::int64_t> cpu_ns;
  std::optional<std::int64_t> memory_bytes;        ///< as `docker stats` counts
  std::optional<std::int64_t> memory_limit_bytes;  ///< empty: none
  std::optional<IoBytes> io;
};

/// The files of one container, kept open.
class ContainerCgroup {
 public:
  ContainerCgroup(std::string_view proc_cgroup,
                  std::string_view container_id,
                  const std::vector<CgroupMount>& mounts);
  /// The cgroup of that path itself ("/system.slice/nginx.service"). A hierarchy that has none of
  /// that path accounts for nothing of it, and that is no problem: systemd makes them where it is
  /// told to.
  static ContainerCgroup at(const std::string& path, const std::vector<CgroupMount>& mounts);

  /// nullopt: the cgroup does not exist any more.
  std::optional<CgroupUsage> read(ReadBuffer& buffer, Problems& problems);

 private:
  ContainerCgroup() = default;
  void open_files();

  struct File {
    std::string folder;
    std::string name;
    PseudoFile file;
  };
  static File file_in(const CgroupPlace& place, std::string name);

  std::optional<std::string_view> text_of(File& file, ReadBuffer& buffer, Problems& problems);
  void read_cpu(CgroupUsage& usage, ReadBuffer& buffer, Problems& problems);
  void read_memory(CgroupUsage& usage, ReadBuffer& buffer, Problems& problems);
  void read_io(CgroupUsage& usage, ReadBuffer& buffer, Problems& problems);

  std::optional<CgroupPlace> cpu_place_;
  std::optional<CgroupPlace> memory_place_;
  std::optional<CgroupPlace> io_place_;
  File cpu_;
  File memory_;
  File memory_stat_;
  File memory_limit_;
  File io_;
  bool gone_ = false;
  bool has_all_ = true;  ///< one that is not accounted for is a problem
};

/// Where a cgroup's own processes are listed: in systemd's hierarchy of version 1, or the only one
/// of version 2.
std::optional<CgroupPlace> process_place(const std::string& path,
                                         const std::vector<CgroupMount>& mounts);
/// Whether any process is in it or below it. Reads the disk of the kernel, so to say.
bool has_processes(const CgroupPlace& place, ReadBuffer& buffer);

}  // namespace portoser::agent::collect
