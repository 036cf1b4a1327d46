#include "agent/collect/facts.h"

#include "agent/collect/cpu.h"
#include "agent/collect/memory.h"
#include "agent/collect/network.h"
#include "agent/collect/text.h"
#include "common/error.h"
#include "common/file.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <ifaddrs.h>
#include <memory>
#include <optional>
#include <set>
#include <unistd.h>
#include <utility>

namespace portoser::agent::collect {
namespace {

/// Empty: the file cannot be read.
std::string text_of(const std::string& path) {
  try {
    return read_file(path);
  } catch (const Error&) {
    return {};
  }
}

std::string without_blanks_around(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const auto begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return std::string{text.substr(begin, text.find_last_not_of(blanks) + 1 - begin)};
}

/// Physical cores by /sys; 0: it does not say either.
std::int64_t cores_of_topology(const std::string& root, const CpuStat& stat) {
  std::set<std::pair<std::string, std::string>> cores;
  for (const auto& core : stat.cores) {
    const auto folder =
        root + "/sys/devices/system/cpu/cpu" + std::to_string(core.number) + "/topology/";
    auto package = text_of(folder + "physical_package_id");
    auto number = text_of(folder + "core_id");
    if (package.empty() || number.empty()) return 0;
    cores.emplace(std::move(package), std::move(number));
  }
  return static_cast<std::int64_t>(cores.size());
}

void add_processors(const HostPaths& paths, protocol::HostFacts& facts) {
  CpuStat stat;
  if (parse_stat(text_of(paths.proc + "/stat"), stat)) {
    facts.cpu_threads = static_cast<std::int64_t>(stat.cores.size());
  }
  facts.cpu_cores = physical_cores(text_of(paths.proc + "/cpuinfo"));
  if (facts.cpu_cores == 0) facts.cpu_cores = cores_of_topology(paths.root, stat);
  if (facts.cpu_cores == 0) facts.cpu_cores = facts.cpu_threads;
}

std::string os_version(const std::string& root) {
  auto name = pretty_name(text_of(root + "/etc/os-release"));
  return name.empty() ? pretty_name(text_of(root + "/usr/lib/os-release")) : name;
}

bool is_folder(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

/// nullopt: not an address that tells others where this host is.
std::optional<std::string> address_of(const ifaddrs& entry) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (entry.ifa_addr->sa_family == AF_INET) {
    const auto& address = reinterpret_cast<const sockaddr_in*>(entry.ifa_addr)->sin_addr;
    const auto number = ntohl(address.s_addr);
    if (number >> 16U == 0xA9FEU || number >> 24U == 127U) return std::nullopt;
    ::inet_ntop(AF_INET, &address, text.data(), text.size());
  } else if (entry.ifa_addr->sa_family == AF_INET6) {
    const auto& address = reinterpret_cast<const sockaddr_in6*>(entry.ifa_addr)->sin6_addr;
    if (IN6_IS_ADDR_LINKLOCAL(&address) || IN6_IS_ADDR_LOOPBACK(&address)) return std::nullopt;
    ::inet_ntop(AF_INET6, &address, text.data(), text.size());
  } else {
    return std::nullopt;
  }
  return std::string{text.data()};
}

}  // namespace

std::string pretty_name(std::string_view os_release) {
  constexpr std::string_view key = "PRETTY_NAME=";
  while (!os_release.empty()) {
    auto line = next_field(os_release, '\n');
    if (!line.starts_with(key)) continue;
    auto value = without_blanks_around(line.substr(key.size()));
    if (value.size() < 2 || (value.front() != '"' && value.front() != '\'') ||
        value.back() != value.front()) {
      return value;
    }
    // As in a shell (os-release(5)): a backslash keeps the character behind it.
    std::string plain;
    for (std::size_t i = 1; i + 1 < value.size(); ++i) {
      if (value.front() == '"' && value[i] == '\\' && i + 2 < value.size()) ++i;
      plain += value[i];
    }
    return plain;
  }
  return {};
}

std::int64_t physical_cores(std::string_view cpuinfo) {
  std::set<std::pair<std::int64_t, std::int64_t>> cores;
  std::int64_t package = 0;
  while (auto line = next_line(cpuinfo)) {
    auto key = without_blanks_around(next_field(*line, ':'));
    const auto value = to_count(next_word(*line));
    if (key == "physical id" && value) package = *value;
    if (key == "core id" && value) cores.emplace(package, *value);
  }
  return static_cast<std::int64_t>(cores.size());
}

std::vector<std::string> own_addresses() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner{list, &::freeifaddrs};
  std::vector<std::string> addresses;
  for (const auto* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || (entry->ifa_flags & IFF_UP) == 0 ||
        (entry->ifa_flags & IFF_LOOPBACK) != 0 || is_internal_interface(entry->ifa_name)) {
      continue;
    }
    auto address = address_of(*entry);
    if (address && std::find(addresses.begin(), addresses.end(), *address) == addresses.end()) {
      addresses.push_back(std::move(*address));
    }
  }
  return addresses;
}

protocol::HostFacts host_facts(const HostPaths& paths) {
  protocol::HostFacts facts;
  facts.os = "linux";
  utsname name{};
  if (::uname(&name) == 0) {
    facts.hostname = name.nodename;
    facts.kernel = name.release;
    facts.arch = name.machine;
  }
  facts.os_version = os_version(paths.root);
  add_processors(paths, facts);
  if (const auto memory = parse_meminfo(text_of(paths.proc + "/meminfo"))) {
    facts.memory_bytes = memory->total_bytes;
  }
  struct statvfs status {};
  if (::statvfs((paths.root + "/").c_str(), &status) == 0) {
    facts.disk_bytes = static_cast<std::int64_t>(status.f_blocks * status.f_frsize);
  }
  facts.addresses = own_addresses();
  facts.has_systemd = is_folder(paths.root + "/run/systemd/system");
  return facts;
}

std::string boot_id(const HostPaths& paths) {
  const auto path = paths.proc + "/sys/kernel/random/boot_id";
  auto id = without_blanks_around(text_of(path));
  if (id.empty()) throw Error{Code::internal, "cannot read the boot id", path};
  return id;
}

}  // namespace portoser::agent::collect
