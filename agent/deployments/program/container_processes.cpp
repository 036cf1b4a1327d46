#include "agent/deployments/program/container_processes.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>
#include <system_error>
#include <unistd.h>

namespace portoser::agent::deployments {
namespace {

namespace fs = std::filesystem;

/// Short enough to be the part of another name: not looked for.
constexpr std::size_t least_id = 32;

std::string text_of(const fs::path& path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

/// A zombie is still in its cgroup, and nothing of it runs.
bool is_alive(const fs::path& process) {
  const auto stat = text_of(process / "stat");
  // The name may hold blanks and parentheses; what follows the last one does not.
  const auto end = stat.rfind(')');
  if (end == std::string::npos || end + 2 >= stat.size()) return false;
  const char state = stat[end + 2];
  return state != 'Z' && state != 'X';
}

std::optional<pid_t> number_in(const std::string& name) {
  pid_t pid = 0;
  const auto* end = name.data() + name.size();
  const auto [stopped, failure] = std::from_chars(name.data(), end, pid);
  if (failure != std::errc{} || stopped != end || pid <= 0) return std::nullopt;
  return pid;
}

}  // namespace

std::vector<pid_t> processes_of(const std::set<std::string>& containers, const fs::path& proc) {
  std::vector<pid_t> found;
  std::error_code failure;
  for (fs::directory_iterator entry{proc, failure}, end; !failure && entry != end;
       entry.increment(failure)) {
    const auto pid = number_in(entry->path().filename().string());
    if (!pid || *pid == ::getpid()) continue;
    const auto cgroups = text_of(entry->path() / "cgroup");
    const bool is_theirs =
        std::any_of(containers.begin(), containers.end(), [&](const std::string& id) {
          return id.size() >= least_id && cgroups.find(id) != std::string::npos;
        });
    if (is_theirs && is_alive(entry->path())) found.push_back(*pid);
  }
  return found;
}

}  // namespace portoser::agent::deployments
