// Any bytes are a reading or none: no parser of /proc and of cgroups crashes, and what they give is
// never negative. Built with libFuzzer (`-fsanitize=fuzzer`), or called by
// tests/unit/collect/fuzz_test.cpp.
#include "agent/collect/cgroup.h"
#include "agent/collect/cpu.h"
#include "agent/collect/disk.h"
#include "agent/collect/facts.h"
#include "agent/collect/load.h"
#include "agent/collect/memory.h"
#include "agent/collect/mounts.h"
#include "agent/collect/network.h"
#include "agent/collect/temperature.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace {

using namespace portoser::agent::collect;

void must(bool holds) {
  if (!holds) __builtin_trap();
}

void read_processors(std::string_view text) {
  CpuStat stat;
  if (parse_stat(text, stat)) {
    const auto busy = busy_percent(CpuTicks{}, stat.all);
    must(!busy || (*busy >= 0.0 && *busy <= 100.0));
  }
  if (const auto loads = parse_loadavg(text)) must((*loads)[0] >= 0.0);
  must(physical_cores(text) >= 0);
  pretty_name(text);
  if (const auto celsius = parse_temperature(text)) must(*celsius >= -60.0 && *celsius <= 200.0);
}

void read_memory_and_network(std::string_view text) {
  if (const auto memory = parse_meminfo(text)) {
    must(memory->total_bytes >= 0 && memory->available_bytes >= 0 && memory->swap_used_bytes >= 0);
  }
  std::vector<InterfaceCounters> interfaces;
  parse_interfaces(text, interfaces);
  for (const auto& interface : interfaces) {
    must(!interface.name.empty() && interface.receive_bytes >= 0 && interface.transmit_bytes >= 0);
  }
}

void read_disks(std::string_view text) {
  std::vector<DiskCounters> counters;
  parse_diskstats(text, counters);
  for (const auto& disk : counters) must(disk.read_bytes >= 0 && disk.written_bytes >= 0);
  const auto mounts = parse_mounts(text);
  for (const auto& disk : disks_of(mounts)) must(disk.mount_point.starts_with('/'));
  cgroup_mounts(mounts, "");
}

void read_cgroups(std::string_view text) {
  std::vector<CgroupMount> mounts(2);
  mounts[0].version = CgroupVersion::v1;
  mounts[0].controllers = "rw,memory";
  mounts[0].root = "/docker";
  mounts[1].root = "/";
  place_of(text, "memory", "0123456789ab", mounts);
  if (const auto used = parse_cpu_stat(text)) must(*used >= 0);
  if (const auto number = parse_number(text)) must(*number >= 0);
  must(parse_inactive_file(text, CgroupVersion::v1) >= 0);
  must(parse_inactive_file(text, CgroupVersion::v2) >= 0);
  if (const auto io = parse_blkio(text)) must(io->read >= 0 && io->written >= 0);
  if (const auto io = parse_io_stat(text)) must(io->read >= 0 && io->written >= 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  read_processors(text);
  read_memory_and_network(text);
  read_disks(text);
  read_cgroups(text);
  return 0;
}
