/// Local file systems: how full they are, and how fast their devices read and write.
#pragma once

#include "agent/collect/mounts.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::agent::collect {

/// File systems on a device of this machine, each device once and under its shortest path. What
/// only looks like one (tmpfs, overlay, images) is left out, and so is everything whose `statvfs`
/// could hang: network and FUSE file systems, and what is mounted below one.
std::vector<Mount> disks_of(const std::vector<Mount>& mounts);

struct DiskCounters {
  DeviceNumber device;
  std::int64_t read_bytes = 0;
  std::int64_t written_bytes = 0;
};

/// Fills `out`, whose memory is used again; a line that is not understood is left out.
void parse_diskstats(std::string_view text, std::vector<DiskCounters>& out);

class DiskCollector {
 public:
  /// `root` stands before every path that the mount table names.
  DiskCollector(const std::string& proc, std::string root)
      : stats_(proc + "/diskstats"), root_(std::move(root)) {}

  void set_mounts(const std::vector<Mount>& mounts);
  /// `seconds` since the sample before; 0: this is the first.
  std::vector<protocol::DiskSample> collect(double seconds, ReadBuffer& buffer, Problems& problems);

 private:
  struct Disk {
    Mount mount;
    DeviceNumber block_device;
  };
  void read_counters(ReadBuffer& buffer, Problems& problems);
  void add_rates(const DeviceNumber& device, double seconds, protocol::DiskSample& out) const;

  PseudoFile stats_;
  std::string root_;
  std::vector<Disk> disks_;
  std::vector<DiskCounters> before_;
  std::vector<DiskCounters> now_;
};

}  // namespace portoser::agent::collect
