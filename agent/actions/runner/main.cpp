// portoser-action: runs the steps of one command, outside the agent's lifetime. The agent starts it
// with the command's folder of the journal; it writes the output and how it ended there.
//
// With "resume" an earlier one was killed: the change is finished if it held, and undone if not.
//
// It is not told to stop when the agent is: whoever does that restarts the agent, and the action
// goes on. SIGTERM means that somebody cancelled the command.
#include "agent/actions/runner/files.h"
#include "agent/actions/runner/output_log.h"
#include "agent/actions/runner/process_tree.h"
#include "agent/actions/runner/run_steps.h"

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <fcntl.h>
#include <fstream>
#include <signal.h>
#include <sstream>
#include <unistd.h>

namespace {

using namespace portoser::agent::actions::runner;

void block_signals() {
  sigset_t handled;
  ::sigemptyset(&handled);
  for (const int number : {SIGTERM, SIGINT, SIGCHLD}) ::sigaddset(&handled, number);
  ::sigprocmask(SIG_SETMASK, &handled, nullptr);
  ::signal(SIGHUP, SIG_IGN);
  ::signal(SIGPIPE, SIG_DFL);
}

/// The lock is inherited; its holder is named in it, and no step may hold it too.
void take_lock() {
  if (::fcntl(lock_descriptor, F_SETFD, FD_CLOEXEC) != 0) return;
  const auto pid = std::to_string(::getpid()) + "\n";
  if (::pwrite(lock_descriptor, pid.data(), pid.size(), 0) < 0) {
    std::perror("portoser-action: cannot write the lock");
  }
}

std::string read_all(const std::string& path) {
  std::ifstream file{path};
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The last part of a path.
std::string name_of(const std::string& folder) {
  const auto end = folder.find_last_not_of('/') + 1;
  const auto begin = folder.find_last_of('/', end - 1) + 1;
  return folder.substr(begin, end - begin);
}

void set_environment(const Spec& spec, const std::string& id) {
  for (const auto& name : spec.unset) ::unsetenv(name.c_str());
  for (const auto& [name, value] : spec.environment) ::setenv(name.c_str(), value.c_str(), 1);
  ::setenv(command_variable, id.c_str(), 1);
}

void stamp(Outcome& outcome) {
  timespec uptime{};
  timespec wall{};
  ::clock_gettime(CLOCK_BOOTTIME, &uptime);
  ::clock_gettime(CLOCK_REALTIME, &wall);
  outcome.uptime_ns = std::int64_t{uptime.tv_sec} * 1'000'000'000 + uptime.tv_nsec;
  outcome.wall_us = std::int64_t{wall.tv_sec} * 1'000'000 + wall.tv_nsec / 1000;
  std::ifstream{"/proc/sys/kernel/random/boot_id"} >> outcome.boot_id;
}

/// A machine that loses power finds a whole file or none. The room that the agent reserved for it
/// is given back only afterwards.
bool write_outcome(const std::string& folder, const std::string& text) {
  const auto path = folder + "/" + outcome_file;
  const auto temporary = folder + "/" + reserved_outcome_file;
  const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return false;
  const bool whole = ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                     ::ftruncate(file, static_cast<off_t>(text.size())) == 0 && ::fsync(file) == 0;
  ::close(file);
  if (!whole || ::rename(temporary.c_str(), path.c_str()) != 0) return false;
  const int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0) {
    ::fsync(directory);
    ::close(directory);
  }
  return true;
}

Outcome run(const std::string& folder, bool resume) {
  OutputLog log{folder + "/" + output_file};
  Spec spec;
  try {
    spec = spec_from(read_all(folder + "/" + spec_file));
  } catch (const std::exception& error) {
    Outcome outcome;
    outcome.failed_step = "prepare";
    outcome.problem = std::string{"the command's spec cannot be read: "} + error.what();
    return outcome;
  }
  const auto id = name_of(folder);
  // What a runner before this one left behind must not work on beside us.
  if (resume) end_leftovers(std::string{command_variable} + "=" + id);
  set_environment(spec, id);
  Progress progress{folder, !spec.undo.empty()};
  return run_steps(spec, folder, log, progress, resume);
}

}  // namespace

int main(int argc, char** argv) {
  const bool resume = argc == 3 && std::string{argv[2]} == "resume";
  if (argc != 2 && !resume) {
    std::fputs("usage: portoser-action FOLDER [resume] (FOLDER: of a command in the journal)\n",
               stderr);
    return 64;
  }
  const std::string folder = argv[1];
  block_signals();
  take_lock();
  become_reaper();
  auto outcome = run(folder, resume);
  stamp(outcome);
  return write_outcome(folder, to_text(outcome)) ? 0 : 74;
}
