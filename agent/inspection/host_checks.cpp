#include "agent/inspection/host_checks.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <optional>

namespace portoser::agent::inspection {
namespace {

constexpr std::int64_t mebibyte = 1 << 20;
/// With less than this a container cannot even be made; with less than that it soon stops writing.
constexpr std::int64_t no_room = 64 * mebibyte;
constexpr std::int64_t little_room = 1024 * mebibyte;
constexpr std::int64_t little_memory = 64 * mebibyte;

std::string in_mebibytes(std::int64_t bytes) {
  return fmt::format("{} MiB", bytes / mebibyte);
}

void look_at_disk(const std::string& folder, Findings& findings) {
  struct statvfs disk {};
  if (::statvfs(folder.c_str(), &disk) != 0) {
    findings.warning("DISK_UNKNOWN", folder, "how much room is left there cannot be told", "");
    return;
  }
  const auto free =
      static_cast<std::int64_t>(disk.f_bavail) * static_cast<std::int64_t>(disk.f_frsize);
  if (free < no_room) {
    findings.error("DISK_FULL",
                   folder,
                   fmt::format("the disk that holds {} has {} left", folder, in_mebibytes(free)),
                   "make room there; unused images go with docker image prune");
  } else if (disk.f_files > 0 && disk.f_favail == 0) {
    findings.error("DISK_FULL",
                   folder,
                   fmt::format("the disk that holds {} has no inode left", folder),
                   "delete files there that nobody needs");
  } else if (free < little_room) {
    findings.warning("DISK_LOW",
                     folder,
                     fmt::format("the disk that holds {} has {} left", folder, in_mebibytes(free)),
                     "make room there soon");
  }
}

std::optional<std::int64_t> meminfo_bytes(std::string_view meminfo, std::string_view name) {
  const auto found = meminfo.find(name);
  if (found == std::string_view::npos) return std::nullopt;
  auto rest = meminfo.substr(found + name.size());
  rest.remove_prefix(std::min(rest.find_first_of("0123456789"), rest.size()));
  std::int64_t kibibytes = 0;
  if (std::from_chars(rest.data(), rest.data() + rest.size(), kibibytes).ec != std::errc{}) {
    return std::nullopt;
  }
  return kibibytes * 1024;
}

bool is_any(const std::string& address) {
  return address.empty() || address == "0.0.0.0" || address == "::";
}

/// Two sockets on one port collide unless each has an address of its own.
bool collide(const std::string& one, const std::string& other) {
  return is_any(one) || is_any(other) || one == other;
}

std::string shown(const PublishedPort& wish) {
  return wish.address.empty() ? fmt::format("{}/{}", wish.port, wish.protocol)
                              : fmt::format("{}:{}/{}", wish.address, wish.port, wish.protocol);
}

void look_at_port(const PublishedPort& wish,
                  const std::vector<engine::TakenPort>& taken,
                  const std::vector<Listener>& listening,
                  const std::set<std::string>& own,
                  Findings& findings) {
  bool is_own = false;
  for (const auto& one : taken) {
    if (one.port != wish.port || one.protocol != wish.protocol ||
        !collide(one.address, wish.address)) {
      continue;
    }
    if (own.count(one.container_id) > 0) {
      is_own = true;
      continue;
    }
    findings.error("PORT_TAKEN",
                   shown(wish),
                   fmt::format("port {} is taken by the container {}", shown(wish), one.container),
                   "stop it, or publish another port");
    return;
  }
  if (is_own) return;  // the engine's proxy for it listens there
  for (const auto& one : listening) {
    // One address of IPv6, and the wish is one of IPv4.
    if (!one.is_any_address && one.address.empty() && !is_any(wish.address) &&
        wish.address.find(':') == std::string::npos) {
      continue;
    }
    const auto& address = one.is_any_address ? std::string{} : one.address;
    if (one.port != wish.port || one.protocol != wish.protocol ||
        (!one.is_any_address && !collide(address, wish.address))) {
      continue;
    }
    const auto owner = owner_of(one.inode);
    const auto who = owner ? fmt::format("{} (pid {})", owner->command, owner->pid)
                           : std::string{"a process that is not known"};
    findings.error("PORT_TAKEN",
                   shown(wish),
                   fmt::format("port {} is taken by {}", shown(wish), who),
                   "stop it, or publish another port");
    return;
  }
}

}  // namespace

void check_disk(const std::vector<std::string>& folders, Findings& findings) {
  findings.begin("disk");
  std::set<dev_t> seen;
  for (const auto& folder : folders) {
    struct stat status {};
    if (::stat(folder.c_str(), &status) == 0 && !seen.insert(status.st_dev).second) continue;
    look_at_disk(folder, findings);
  }
}

void check_memory(const ComposeModel& model, std::string_view meminfo, Findings& findings) {
  findings.begin("memory");
  const auto total = meminfo_bytes(meminfo, "MemTotal:");
  const auto available = meminfo_bytes(meminfo, "MemAvailable:");
  if (!total || !available) {
    findings.warning("MEMORY_UNKNOWN", "", "how much memory is free cannot be told", "");
    return;
  }
  for (const auto& service : model.services) {
    if (!service.memory_limit_bytes || *service.memory_limit_bytes <= *total) continue;
    findings.warning("MEMORY_LOW",
                     service.name,
                     fmt::format("{} may use {}, and the host has {}",
                                 service.name,
                                 in_mebibytes(*service.memory_limit_bytes),
                                 in_mebibytes(*total)),
                     "lower its limit, or place it on a larger host");
  }
  if (*available < little_memory) {
    findings.warning("MEMORY_LOW",
                     "",
                     fmt::format("the host has {} of memory left", in_mebibytes(*available)),
                     "stop something there, or place the service on another host");
  }
}

void check_mounts(const ComposeModel& model, Findings& findings) {
  findings.begin("mounts");
  for (const auto& service : model.services) {
    for (const auto& bind : service.binds) {
      std::error_code failure;
      if (std::filesystem::exists(bind.source, failure)) continue;
      if (bind.creates_source) {
        findings.warning("MOUNT_SOURCE_MISSING",
                         bind.source,
                         fmt::format("{} mounts {}, which is not there: the engine will make an "
                                     "empty folder of it",
                                     service.name,
                                     bind.source),
                         "copy it to the host first, if it should hold something");
      } else {
        findings.error("MOUNT_SOURCE_MISSING",
                       bind.source,
                       fmt::format("{} mounts {}, which is not there", service.name, bind.source),
                       "create it, or correct the path");
      }
    }
  }
}

void check_ports(const ComposeModel& model,
                 const std::vector<engine::TakenPort>& taken,
                 const std::vector<Listener>& listening,
                 const std::set<std::string>& own,
                 Findings& findings) {
  findings.begin("ports");
  std::map<std::string, std::string> wished;
  for (const auto& service : model.services) {
    for (const auto& wish : service.ports) {
      const auto [first, is_new] = wished.emplace(shown(wish), service.name);
      if (!is_new && first->second != service.name) {
        findings.error(
            "PORT_TAKEN",
            shown(wish),
            fmt::format("{} and {} both publish port {}", first->second, service.name, shown(wish)),
            "publish another port");
        continue;
      }
      look_at_port(wish, taken, listening, own, findings);
    }
  }
}

}  // namespace portoser::agent::inspection
