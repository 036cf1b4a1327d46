#include "agent/collect/cgroup.h"

#include "agent/collect/text.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <limits>
#include <unistd.h>

namespace portoser::agent::collect {
namespace {

/// A limit of version 1 that is not set reads as the largest number of pages.
constexpr std::int64_t no_limit = std::int64_t{1} << 62;

bool has_word(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    if (next_field(list, ',') == word) return true;
  }
  return false;
}

/// The cgroup's folder below a mount; nullopt when that mount does not show it.
std::optional<std::string> folder_in(const CgroupMount& mount, std::string_view path) {
  if (mount.root != "/") {
    if (!path.starts_with(mount.root)) return std::nullopt;
    path.remove_prefix(mount.root.size());
    if (!path.empty() && path.front() != '/') return std::nullopt;
  }
  if (path == "/") path = {};
  return mount.mount_point + std::string{path};
}

std::string_view cut_behind(std::string_view path, std::string_view container_id) {
  constexpr std::size_t shortest_id = 12;
  if (container_id.size() < shortest_id) return path;
  const auto at = path.find(container_id);
  return at == std::string_view::npos ? path : path.substr(0, path.find('/', at));
}

std::optional<CgroupPlace> place_in(std::string_view path,
                                    CgroupVersion version,
                                    std::string_view controller,
                                    const std::vector<CgroupMount>& mounts) {
  for (const auto& mount : mounts) {
    if (mount.version != version) continue;
    if (version == CgroupVersion::v1 && !has_word(mount.controllers, controller)) continue;
    if (auto folder = folder_in(mount, path)) {
      CgroupPlace place;
      place.version = version;
      place.folder = std::move(*folder);
      return place;
    }
  }
  return std::nullopt;
}

/// Of version 1, else of version 2; only where that folder is.
std::optional<CgroupPlace> existing_place(const std::string& path,
                                          std::string_view controller,
                                          const std::vector<CgroupMount>& mounts) {
  for (const auto version : {CgroupVersion::v1, CgroupVersion::v2}) {
    auto place = place_in(path, version, controller, mounts);
    if (place && ::access(place->folder.c_str(), F_OK) == 0) return place;
    // A controller of version 1 is in no other hierarchy; but version 2 counts processors
    // everywhere.
    if (place && version == CgroupVersion::v1 && controller != "cpuacct") return std::nullopt;
  }
  return std::nullopt;
}

std::optional<std::int64_t> sum(std::int64_t a, std::optional<std::int64_t> b) {
  if (!b || *b > std::numeric_limits<std::int64_t>::max() - a) return std::nullopt;
  return a + *b;
}

}  // namespace

std::vector<CgroupMount> cgroup_mounts(const std::vector<Mount>& mounts, const std::string& root) {
  std::vector<CgroupMount> found;
  for (const auto& mount : mounts) {
    if (mount.type != "cgroup" && mount.type != "cgroup2") continue;
    CgroupMount cgroup;
    cgroup.root = mount.root;
    cgroup.mount_point = root + mount.mount_point;
    if (mount.type == "cgroup") {
      cgroup.version = CgroupVersion::v1;
      cgroup.controllers = mount.options;
    }
    found.push_back(std::move(cgroup));
  }
  std::stable_partition(
      found.begin(), found.end(), [](const CgroupMount& mount) { return mount.root == "/"; });
  return found;
}

std::optional<CgroupPlace> place_of(std::string_view text,
                                    std::string_view controller,
                                    std::string_view container_id,
                                    const std::vector<CgroupMount>& mounts) {
  std::optional<std::string_view> unified;
  while (auto line = next_line(text)) {
    next_field(*line, ':');  // number of the hierarchy
    const auto controllers = next_field(*line, ':');
    const auto path = cut_behind(*line, container_id);
    if (!path.starts_with('/')) continue;
    if (controllers.empty()) {
      unified = path;
    } else if (has_word(controllers, controller)) {
      if (auto place = place_in(path, CgroupVersion::v1, controller, mounts)) return place;
    }
  }
  if (!unified) return std::nullopt;
  return place_in(*unified, CgroupVersion::v2, controller, mounts);
}

std::optional<std::int64_t> parse_cpu_stat(std::string_view text) {
  const auto microseconds = find_count(text, "usage_usec");
  if (!microseconds || *microseconds > std::numeric_limits<std::int64_t>::max() / 1000) {
    return std::nullopt;
  }
  return *microseconds * 1000;
}

std::optional<std::int64_t> parse_number(std::string_view text) {
  const auto line = next_line(text);
  return line ? to_count(*line) : std::nullopt;
}

std::int64_t parse_inactive_file(std::string_view text, CgroupVersion version) {
  return find_count(text, version == CgroupVersion::v1 ? "total_inactive_file" : "inactive_file")
      .value_or(0);
}

std::optional<IoBytes> parse_blkio(std::string_view text) {
  // "254:0 Read 4096" for each device and kind, "Total 4096" at the end.
  IoBytes bytes;
  while (auto line = next_line(text)) {
    next_word(*line);
    const auto kind = next_word(*line);
    if (kind != "Read" && kind != "Write") continue;
    auto& total = kind == "Read" ? bytes.read : bytes.written;
    const auto together = sum(total, to_count(next_word(*line)));
    if (!together) return std::nullopt;
    total = *together;
  }
  return bytes;
}

std::optional<IoBytes> parse_io_stat(std::string_view text) {
  // "254:0 rbytes=4096 wbytes=0 rios=1 ..."; a device without traffic may stand there alone.
  constexpr std::string_view read_key = "rbytes=";
  constexpr std::string_view written_key = "wbytes=";
  IoBytes bytes;
  while (auto line = next_line(text)) {
    for (auto word = next_word(*line); !word.empty(); word = next_word(*line)) {
      const bool is_read = word.starts_with(read_key);
      if (!is_read && !word.starts_with(written_key)) continue;
      auto& total = is_read ? bytes.read : bytes.written;
      const auto together = sum(total, to_count(word.substr(read_key.size())));
      if (!together) return std::nullopt;
      total = *together;
    }
  }
  return bytes;
}

ContainerCgroup::ContainerCgroup(std::string_view proc_cgroup,
                                 std::string_view container_id,
                                 const std::vector<CgroupMount>& mounts)
    : cpu_place_(place_of(proc_cgroup, "cpuacct", container_id, mounts)),
      memory_place_(place_of(proc_cgroup, "memory", container_id, mounts)),
      io_place_(place_of(proc_cgroup, "blkio", container_id, mounts)) {
  open_files();
}

ContainerCgroup ContainerCgroup::at(const std::string& path,
                                    const std::vector<CgroupMount>& mounts) {
  ContainerCgroup out;
  out.has_all_ = false;
  out.cpu_place_ = existing_place(path, "cpuacct", mounts);
  out.memory_place_ = existing_place(path, "memory", mounts);
  out.io_place_ = existing_place(path, "blkio", mounts);
  out.open_files();
  return out;
}

void ContainerCgroup::open_files() {
  const auto is_v1 = [](const auto& place) { return place->version == CgroupVersion::v1; };
  if (cpu_place_) cpu_ = file_in(*cpu_place_, is_v1(cpu_place_) ? "cpuacct.usage" : "cpu.stat");
  if (memory_place_) {
    const bool v1 = is_v1(memory_place_);
    memory_ = file_in(*memory_place_, v1 ? "memory.usage_in_bytes" : "memory.current");
    memory_stat_ = file_in(*memory_place_, "memory.stat");
    memory_limit_ = file_in(*memory_place_, v1 ? "memory.limit_in_bytes" : "memory.max");
  }
  if (io_place_) {
    io_ = file_in(*io_place_,
                  is_v1(io_place_) ? "blkio.throttle.io_service_bytes_recursive" : "io.stat");
    if (is_v1(io_place_) && ::access(io_.file.path().c_str(), F_OK) != 0) {
      io_ = file_in(*io_place_, "blkio.throttle.io_service_bytes");  // an older kernel
    }
  }
}

ContainerCgroup::File ContainerCgroup::file_in(const CgroupPlace& place, std::string name) {
  File file;
  file.folder = place.folder;
  file.file = PseudoFile{place.folder + "/" + name};
  file.name = std::move(name);
  return file;
}

std::optional<std::string_view> ContainerCgroup::text_of(File& file,
                                                         ReadBuffer& buffer,
                                                         Problems& problems) {
  const auto reading = file.file.read(buffer);
  if (reading) return *reading;
  if (is_gone(reading.error()) && ::access(file.folder.c_str(), F_OK) != 0) {
    gone_ = true;
  } else if (is_gone(reading.error()) && !has_all_) {
    // Version 2 shows the files of a controller where that is switched on.
  } else {
    problems.add("containers", file.name, reading.error());
  }
  return std::nullopt;
}

void ContainerCgroup::read_cpu(CgroupUsage& usage, ReadBuffer& buffer, Problems& problems) {
  if (!cpu_place_) {
    if (!has_all_) return;
    problems.add("containers", "no cgroup hierarchy that accounts for processors is mounted");
    return;
  }
  const auto text = text_of(cpu_, buffer, problems);
  if (!text) return;
  usage.cpu_ns =
      cpu_place_->version == CgroupVersion::v1 ? parse_number(*text) : parse_cpu_stat(*text);
  if (!usage.cpu_ns) problems.add("containers", cpu_.name + " is not understood");
}

void ContainerCgroup::read_memory(CgroupUsage& usage, ReadBuffer& buffer, Problems& problems) {
  if (!memory_place_) {
    if (!has_all_) return;
    problems.add("containers", "no cgroup hierarchy that accounts for memory is mounted");
    return;
  }
  const auto text = text_of(memory_, buffer, problems);
  if (!text) return;
  const auto used = parse_number(*text);
  if (!used) problems.add("containers", memory_.name + " is not understood");
  const auto stat = text_of(memory_stat_, buffer, problems);
  if (used && stat) {
    // The two are read one after the other, so the part may be larger than the whole.
    const auto inactive = parse_inactive_file(*stat, memory_place_->version);
    usage.memory_bytes = inactive < *used ? *used - inactive : *used;
  }
  const auto limit = text_of(memory_limit_, buffer, problems);
  if (!limit || *limit == "max\n") return;
  const auto bytes = parse_number(*limit);
  if (!bytes) {
    problems.add("containers", memory_limit_.name + " is not understood");
  } else if (*bytes < no_limit) {
    usage.memory_limit_bytes = bytes;
  }
}

void ContainerCgroup::read_io(CgroupUsage& usage, ReadBuffer& buffer, Problems& problems) {
  if (!io_place_) {
    if (!has_all_) return;
    problems.add("containers", "no cgroup hierarchy that accounts for disks is mounted");
    return;
  }
  const auto text = text_of(io_, buffer, problems);
  if (!text) return;
  usage.io = io_place_->version == CgroupVersion::v1 ? parse_blkio(*text) : parse_io_stat(*text);
  if (!usage.io) problems.add("containers", io_.name + " is not understood");
}

std::optional<CgroupUsage> ContainerCgroup::read(ReadBuffer& buffer, Problems& problems) {
  gone_ = false;
  CgroupUsage usage;
  read_cpu(usage, buffer, problems);
  if (!gone_) read_memory(usage, buffer, problems);
  if (!gone_) read_io(usage, buffer, problems);
  if (gone_) return std::nullopt;
  return usage;
}

std::optional<CgroupPlace> process_place(const std::string& path,
                                         const std::vector<CgroupMount>& mounts) {
  return existing_place(path, "name=systemd", mounts);
}

bool has_processes(const CgroupPlace& place, ReadBuffer& buffer) {
  PseudoFile processes{place.folder + "/cgroup.procs"};
  const auto own = processes.read(buffer);
  if (own && !own->empty()) return true;
  // Of version 2 only the leaves have any, and one that delegates has leaves.
  struct stat folder {};
  constexpr nlink_t links_without_children = 2;
  return ::stat(place.folder.c_str(), &folder) == 0 && folder.st_nlink > links_without_children;
}

}  // namespace portoser::agent::collect
