#include "agent/actions/runner/process_tree.h"

#include <sys/prctl.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <fstream>
#include <poll.h>
#include <set>
#include <signal.h>
#include <string>
#include <unistd.h>
#include <utility>

namespace portoser::agent::actions::runner {
namespace {

/// The parent of a living process; 0: gone, or a zombie.
pid_t parent_of(pid_t pid) {
  const auto path = "/proc/" + std::to_string(pid) + "/stat";
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  char text[512];
  const auto got = ::read(fd, text, sizeof text - 1);
  ::close(fd);
  if (got <= 0) return 0;
  text[got] = '\0';
  // The name may hold blanks and parentheses; what follows the last one does not.
  const char* rest = std::strrchr(text, ')');
  char state = 'Z';
  int parent = 0;
  if (rest == nullptr || std::sscanf(rest, ") %c %d", &state, &parent) != 2) return 0;
  return state == 'Z' || state == 'X' ? 0 : parent;
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> found;
  if (auto* folder = ::opendir("/proc")) {
    while (const auto* entry = ::readdir(folder)) {
      const auto pid = static_cast<pid_t>(std::atoi(entry->d_name));
      if (pid > 0) found.push_back(pid);
    }
    ::closedir(folder);
  }
  return found;
}

/// A zombie has no environment any more.
bool was_started_with(pid_t pid, const std::string& entry) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/environ"};
  for (std::string one; std::getline(file, one, '\0');) {
    if (one == entry) return true;
  }
  return false;
}

}  // namespace

void become_reaper() {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1UL, 0UL, 0UL, 0UL);
}

std::vector<pid_t> descendants() {
  std::vector<std::pair<pid_t, pid_t>> all;
  for (const auto pid : all_processes()) {
    if (const auto parent = parent_of(pid); parent > 0) all.emplace_back(pid, parent);
  }
  std::set<pid_t> family{::getpid()};
  std::vector<pid_t> found;
  for (bool grew = true; grew;) {
    grew = false;
    for (const auto& [pid, parent] : all) {
      if (!family.contains(parent) || !family.insert(pid).second) continue;
      found.push_back(pid);
      grew = true;
    }
  }
  return found;
}

std::size_t signal_descendants(int number) {
  const auto found = descendants();
  for (const auto pid : found) ::kill(pid, number);
  return found.size();
}

void end_leftovers(const std::string& entry) {
  constexpr int attempts = 1000;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    std::size_t found = 0;
    for (const auto pid : all_processes()) {
      if (pid == ::getpid() || !was_started_with(pid, entry)) continue;
      ::kill(pid, SIGKILL);
      ++found;
    }
    if (found == 0) return;
    ::poll(nullptr, 0, 5);
  }
}

}  // namespace portoser::agent::actions::runner
