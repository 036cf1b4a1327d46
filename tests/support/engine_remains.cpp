#include "tests/support/engine_remains.h"

#include "common/error.h"
#include "common/file.h"
#include "tests/support/await.h"
#include "tests/support/cgroups.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <sys/mount.h>

#include <charconv>
#include <csignal>
#include <fstream>
#include <ifaddrs.h>
#include <map>
#include <set>
#include <sstream>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace portoser::test {
namespace {

namespace fs = std::filesystem;

constexpr auto mark = "PORTOSER_TEST_ENGINE";

/// Empty for a file that is gone or not ours to read: processes end while we look.
std::string text_of(const fs::path& path) {
  std::ifstream file{path, std::ios::binary};
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Seen {
  pid_t parent = 0;
  bool zombie = false;
  bool marked = false;
};

std::map<pid_t, Seen> processes(const std::string& entry) {
  std::map<pid_t, Seen> result;
  for (const auto& folder : fs::directory_iterator{"/proc"}) {
    const auto name = folder.path().filename().string();
    pid_t pid = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (parsed.ec != std::errc{} || parsed.ptr != name.data() + name.size()) continue;
    const auto stat = text_of(folder.path() / "stat");
    const auto after_name = stat.rfind(')');  // the name itself may hold anything
    if (after_name == std::string::npos) continue;
    std::istringstream rest{stat.substr(after_name + 1)};
    char state = ' ';
    Seen seen;
    rest >> state >> seen.parent;
    seen.zombie = state == 'Z' || state == 'X';
    seen.marked = ('\0' + text_of(folder.path() / "environ")).find(entry) != std::string::npos;
    result.emplace(pid, seen);
  }
  return result;
}

/// The marked processes and all that descends from them: a container's processes have an
/// environment of their own, but the first of them is a child of its shim.
std::vector<pid_t> living(const fs::path& folder) {
  const auto entry = fmt::format("{}{}={}{}", '\0', mark, folder.string(), '\0');
  const auto all = processes(entry);
  std::vector<pid_t> result;
  for (const auto& [pid, seen] : all) {
    auto current = all.find(pid);
    while (current != all.end() && !current->second.marked) {
      current = all.find(current->second.parent);
    }
    if (current != all.end() && !seen.zombie) result.push_back(pid);
  }
  return result;
}

void end_processes(const fs::path& folder) {
  await_until(fmt::format("every process of the engine in {} has ended", folder.string()),
              std::chrono::seconds{60},
              [&] {
                const auto pids = living(folder);
                for (const auto pid : pids) ::kill(pid, SIGKILL);
                return pids.empty();
              });
}

/// Mount points, newest first. `wanted` gets the point and the type.
template <typename Wanted>
std::vector<std::string> mount_points(const Wanted& wanted) {
  std::vector<std::string> result;
  std::istringstream mounts{text_of("/proc/self/mountinfo")};
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields{line};
    std::string skip;
    std::string point;
    fields >> skip >> skip >> skip >> skip >> point;
    std::istringstream after{line.substr(line.find(" - ") + 3)};
    std::string type;
    after >> type;
    if (wanted(point, type)) result.insert(result.begin(), point);
  }
  return result;
}

void unmount(const fs::path& folder) {
  const auto below = folder.string() + "/";
  const auto points = mount_points(
      [&](const std::string& point, const std::string&) { return point.starts_with(below); });
  for (const auto& point : points) ::umount2(point.c_str(), MNT_DETACH);
}

void end_members(const fs::path& cgroup) {
  std::istringstream members{text_of(cgroup / "cgroup.procs")};
  // 0: a process that this namespace does not see; it would mean ourselves.
  for (pid_t pid = 0; members >> pid;) {
    if (pid > 1) ::kill(pid, SIGKILL);
  }
}

void remove_cgroups(const fs::path& folder) {
  std::error_code ignored;
  std::vector<std::string> ids;
  for (const auto& container : fs::directory_iterator{folder / "data" / "containers", ignored}) {
    ids.push_back(container.path().filename().string());
  }
  const auto hierarchies = mount_points([](const std::string&, const std::string& type) {
    return type == "cgroup" || type == "cgroup2";
  });
  for (const auto& hierarchy : hierarchies) {
    const auto parent = fs::path{hierarchy} / "docker";
    for (const auto& id : ids) {
      if (!fs::exists(parent / id, ignored)) continue;
      // A killed process leaves its cgroup a moment after its end. One that began while its shim
      // was being killed has no parent that tells whose it is, but its cgroup does.
      await_until("the container's cgroup is gone", std::chrono::seconds{20}, [&] {
        end_members(parent / id);
        return remove_cgroup(parent / id);
      });
    }
    ::rmdir(parent.c_str());  // stays while another engine has containers
  }
}

/// Bridges of the engine and of its compose networks: they are known by their addresses.
void remove_bridges(const std::string& range) {
  const auto slash = range.find('/');
  const auto shift = 32 - std::stoi(range.substr(slash + 1));
  const auto network = ntohl(::inet_addr(range.substr(0, slash).c_str())) >> shift;
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) throw Error{Code::internal, "cannot list the network interfaces"};
  std::set<std::string> bridges;
  for (const auto* each = first; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != AF_INET) continue;
    const void* raw = each->ifa_addr;
    const auto address = ntohl(static_cast<const sockaddr_in*>(raw)->sin_addr.s_addr);
    if (address >> shift == network) bridges.insert(each->ifa_name);
  }
  ::freeifaddrs(first);
  for (const auto& bridge : bridges) must_run({"ip", "link", "delete", bridge});
}

/// Sockets that containerd puts outside its own folders, one for each shim.
void remove_shim_sockets(const fs::path& folder) {
  const std::string scheme = "unix://";
  std::error_code ignored;
  for (const auto& file : fs::recursive_directory_iterator{folder / "run", ignored}) {
    if (file.path().filename() != "address") continue;
    const auto address = text_of(file.path());
    if (address.starts_with(scheme)) fs::remove(address.substr(scheme.size()), ignored);
  }
}

/// What engines make for all of them together; goes when it is empty and the machine runs none
/// itself.
void remove_shared_folders() {
  if (fs::exists("/run/docker.pid") || fs::exists("/run/containerd/containerd.sock")) return;
  for (const auto* path :
       {"/run/docker/plugins", "/run/docker", "/run/containerd/s", "/run/containerd"}) {
    ::rmdir(path);
  }
}

}  // namespace

Environment mark_of(const fs::path& folder) {
  return {{mark, folder.string()}};
}

void remove_remains(const fs::path& folder, const std::string& range) {
  end_processes(folder);
  remove_cgroups(folder);
  remove_shim_sockets(folder);
  unmount(folder);
  remove_bridges(range);
  remove_shared_folders();
  std::error_code error;
  fs::remove_all(folder, error);
  if (error) {
    throw Error{Code::internal,
                fmt::format("cannot remove {}: {}", folder.string(), error.message())};
  }
}

}  // namespace portoser::test
