#include "agent/collect/disk.h"

#include "agent/collect/text.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

namespace portoser::agent::collect {
namespace {

constexpr std::array<std::string_view, 18> disk_types{"bcachefs",
                                                      "btrfs",
                                                      "exfat",
                                                      "ext2",
                                                      "ext3",
                                                      "ext4",
                                                      "f2fs",
                                                      "fuseblk",
                                                      "hfsplus",
                                                      "jfs",
                                                      "msdos",
                                                      "nilfs2",
                                                      "ntfs",
                                                      "ntfs3",
                                                      "reiserfs",
                                                      "vfat",
                                                      "xfs",
                                                      "zfs"};

constexpr std::array<std::string_view, 12> network_types{"9p",
                                                         "afs",
                                                         "ceph",
                                                         "cifs",
                                                         "coda",
                                                         "fuse",
                                                         "gfs2",
                                                         "glusterfs",
                                                         "nfs",
                                                         "nfs4",
                                                         "orangefs",
                                                         "smb3"};

bool is_disk(const Mount& mount) {
  return std::find(disk_types.begin(), disk_types.end(), mount.type) != disk_types.end();
}

bool may_hang(const Mount& mount) {
  return mount.type.starts_with("fuse.") ||
         std::find(network_types.begin(), network_types.end(), mount.type) != network_types.end();
}

bool is_below(std::string_view path, std::string_view folder) {
  return path.size() > folder.size() && path.starts_with(folder) &&
         (folder == "/" || path[folder.size()] == '/');
}

/// Where the block device of a file system without one of its own (btrfs) is found.
DeviceNumber block_device_of(const Mount& mount, const std::string& root) {
  if (mount.device.major != 0 || !mount.source.starts_with("/dev/")) return mount.device;
  struct stat status {};
  if (::stat((root + mount.source).c_str(), &status) != 0 || !S_ISBLK(status.st_mode)) {
    return mount.device;
  }
  DeviceNumber device;
  device.major = gnu_dev_major(status.st_rdev);
  device.minor = gnu_dev_minor(status.st_rdev);
  return device;
}

/// diskstats counts sectors of 512 bytes, whatever the device uses.
std::optional<std::int64_t> bytes_from_sectors(std::string_view word) {
  const auto sectors = to_count(word);
  if (!sectors || *sectors > std::numeric_limits<std::int64_t>::max() / 512) return std::nullopt;
  return *sectors * 512;
}

const DiskCounters* find(const std::vector<DiskCounters>& counters, const DeviceNumber& device) {
  const auto found = std::find_if(
      counters.begin(), counters.end(), [&](const auto& entry) { return entry.device == device; });
  return found == counters.end() ? nullptr : &*found;
}

}  // namespace

std::vector<Mount> disks_of(const std::vector<Mount>& mounts) {
  std::vector<Mount> disks;
  for (auto mount = mounts.begin(); mount != mounts.end(); ++mount) {
    if (!is_disk(*mount)) continue;
    const bool hangs = std::any_of(mounts.begin(), mounts.end(), [&](const Mount& other) {
      return may_hang(other) && is_below(mount->mount_point, other.mount_point);
    });
    // Something mounted later on the same place hides this one: its path would show the other.
    const bool hidden = std::any_of(mount + 1, mounts.end(), [&](const Mount& later) {
      return later.mount_point == mount->mount_point;
    });
    if (hangs || hidden) continue;
    const auto known = std::find_if(disks.begin(), disks.end(), [&](const Mount& disk) {
      return disk.device == mount->device;
    });
    if (known == disks.end()) {
      disks.push_back(*mount);
    } else if (mount->mount_point.size() < known->mount_point.size()) {
      *known = *mount;
    }
  }
  return disks;
}

void parse_diskstats(std::string_view text, std::vector<DiskCounters>& out) {
  out.clear();
  while (auto line = next_line(text)) {
    const auto major = next_word(*line);
    const auto minor = next_word(*line);
    std::array<std::string_view, 8> words;  // the name, reads x 4, writes, merged, sectors
    for (auto& word : words) word = next_word(*line);
    const auto device = parse_device(std::string{major} + ":" + std::string{minor});
    const auto read = bytes_from_sectors(words[3]);
    const auto written = bytes_from_sectors(words[7]);
    if (!device || !read || !written) continue;
    DiskCounters counters;
    counters.device = *device;
    counters.read_bytes = *read;
    counters.written_bytes = *written;
    out.push_back(counters);
  }
}

void DiskCollector::set_mounts(const std::vector<Mount>& mounts) {
  disks_.clear();
  for (auto& mount : disks_of(mounts)) {
    Disk disk;
    disk.block_device = block_device_of(mount, root_);
    disk.mount = std::move(mount);
    disks_.push_back(std::move(disk));
  }
}

void DiskCollector::read_counters(ReadBuffer& buffer, Problems& problems) {
  std::swap(before_, now_);
  const auto reading = stats_.read(buffer);
  if (reading) {
    parse_diskstats(*reading, now_);
    return;
  }
  now_.clear();
  problems.add("disk", stats_.path(), reading.error());
}

void DiskCollector::add_rates(const DeviceNumber& device,
                              double seconds,
                              protocol::DiskSample& out) const {
  const auto* before = find(before_, device);
  const auto* now = find(now_, device);
  if (before == nullptr || now == nullptr) return;
  out.read_bytes_per_second = per_second(before->read_bytes, now->read_bytes, seconds);
  out.write_bytes_per_second = per_second(before->written_bytes, now->written_bytes, seconds);
}

std::vector<protocol::DiskSample> DiskCollector::collect(double seconds,
                                                         ReadBuffer& buffer,
                                                         Problems& problems) {
  read_counters(buffer, problems);
  std::vector<protocol::DiskSample> samples;
  samples.reserve(disks_.size());
  for (const auto& disk : disks_) {
    struct statvfs status {};
    if (::statvfs((root_ + disk.mount.mount_point).c_str(), &status) != 0) {
      // Unmounted since: the table's next change says so.
      if (errno != ENOENT) problems.add("disk", disk.mount.mount_point, errno);
      continue;
    }
    const auto bytes = [&](std::uint64_t blocks) {
      return static_cast<std::int64_t>(blocks * status.f_frsize);
    };
    protocol::DiskSample sample;
    sample.mount = disk.mount.mount_point;
    sample.device = disk.mount.source;
    sample.file_system = disk.mount.type;
    sample.total_bytes = bytes(status.f_blocks);
    sample.used_bytes = bytes(status.f_blocks - status.f_bfree);
    sample.available_bytes = bytes(status.f_bavail);
    add_rates(disk.block_device, seconds, sample);
    samples.push_back(std::move(sample));
  }
  return samples;
}

}  // namespace portoser::agent::collect
