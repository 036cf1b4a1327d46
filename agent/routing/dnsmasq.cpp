#include "agent/routing/dnsmasq.h"

#include "common/file.h"

#include <sys/syscall.h>

#include <cerrno>
#include <charconv>
#include <fstream>
#include <signal.h>
#include <string>
#include <unistd.h>

namespace portoser::agent::routing {
namespace {

namespace fs = std::filesystem;

constexpr auto program = "dnsmasq";

bool is_dnsmasq(const fs::path& process) {
  std::string name;
  std::ifstream file{process / "comm"};
  std::getline(file, name);
  if (name != program) return false;
  // A script of that name would be ended by the signal.
  std::error_code failure;
  const auto running = fs::read_symlink(process / "exe", failure).filename().string();
  return !failure && (running == program || running == std::string{program} + " (deleted)");
}

/// False: it is gone.
bool send_reload(pid_t pid) {
  const Descriptor process{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
  if (!process.is_open()) {
    // Gone, or the kernel is older than 5.3.
    return errno == ENOSYS && ::kill(pid, SIGHUP) == 0;
  }
  // Looked at again: the number may have become another's before it was held.
  if (!is_dnsmasq(fs::path{"/proc"} / std::to_string(pid))) return false;
  return ::syscall(SYS_pidfd_send_signal, process.get(), SIGHUP, nullptr, 0) == 0;
}

}  // namespace

std::vector<pid_t> dnsmasq_processes(const fs::path& proc) {
  std::vector<pid_t> found;
  std::error_code failure;
  for (fs::directory_iterator entry{proc, failure}, end; !failure && entry != end;
       entry.increment(failure)) {
    const auto name = entry->path().filename().string();
    pid_t pid = 0;
    const auto* const last = name.data() + name.size();
    const auto [stopped, problem] = std::from_chars(name.data(), last, pid);
    if (problem != std::errc{} || stopped != last) continue;
    if (is_dnsmasq(entry->path())) found.push_back(pid);
  }
  return found;
}

std::size_t reload_dnsmasq() {
  std::size_t reloaded = 0;
  for (const auto pid : dnsmasq_processes("/proc")) {
    if (send_reload(pid)) ++reloaded;
  }
  return reloaded;
}

}  // namespace portoser::agent::routing
