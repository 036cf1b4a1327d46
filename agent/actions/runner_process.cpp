#include "agent/actions/runner_process.h"

#include "agent/actions/runner/files.h"
#include "common/error.h"

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

namespace portoser::agent::actions {
namespace {

namespace fs = std::filesystem;

Descriptor open_process(pid_t pid) {
  return Descriptor{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
}

Descriptor open_lock(const fs::path& folder, int flags) {
  return Descriptor{::open((folder / runner::lock_file).c_str(), O_RDWR | O_CLOEXEC | flags, 0600)};
}

/// Takes the lock for a moment: whoever holds it is the runner.
bool is_locked(const Descriptor& lock) {
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return true;
  ::flock(lock.get(), LOCK_UN);
  return false;
}

pid_t pid_in(const Descriptor& lock) {
  char text[32];
  const auto got = ::pread(lock.get(), text, sizeof text, 0);
  pid_t pid = 0;
  if (got > 0) std::from_chars(text, text + got, pid);
  return pid;
}

bool is_over(int process) {
  pollfd end{process, POLLIN, 0};
  return ::poll(&end, 1, 0) > 0;
}

/// Own session, nothing of ours open but the lock, signals as a fresh program expects them.
/// SIGTERM stays blocked, so that a cancel that comes before it is ready is not lost.
class SpawnSettings {
 public:
  explicit SpawnSettings(int lock) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions_, 1, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions_, 1, 2);
    ::posix_spawn_file_actions_adddup2(&actions_, lock, runner::lock_descriptor);
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, runner::lock_descriptor + 1);
    ::posix_spawnattr_init(&attributes_);
    sigset_t blocked;
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGTERM);
    ::posix_spawnattr_setsigmask(&attributes_, &blocked);
    sigset_t all;
    ::sigfillset(&all);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setflags(
        &attributes_,
        static_cast<short>(POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
  }
  ~SpawnSettings() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  [[nodiscard]] const posix_spawn_file_actions_t* actions() const { return &actions_; }
  [[nodiscard]] const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

}  // namespace

RunnerProcess::RunnerProcess(const asio::any_io_executor& executor, pid_t pid, Descriptor process)
    : pid_(pid), process_(executor, process.release()) {}

RunnerProcess RunnerProcess::start(const asio::any_io_executor& executor,
                                   const std::string& program,
                                   const fs::path& folder,
                                   bool resume) {
  const auto lock = open_lock(folder, O_CREAT);
  if (!lock.is_open()) {
    throw Error{Code::internal, system_error_text("cannot open", folder / runner::lock_file)};
  }
  // Ours first, the runner's by inheritance: there is no moment in which nobody holds it, so an
  // agent that finds it free knows that nothing runs.
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    throw Error{Code::conflict, "the command's runner is there already"};
  }
  const SpawnSettings settings{lock.get()};
  std::string name = program;
  std::string argument = folder.string();
  std::string how = "resume";
  char* const argv[] = {name.data(), argument.data(), resume ? how.data() : nullptr, nullptr};
  pid_t pid = 0;
  const int failure = ::posix_spawn(
      &pid, program.c_str(), settings.actions(), settings.attributes(), argv, ::environ);
  if (failure != 0) {
    throw Error{Code::unavailable,
                fmt::format("cannot start {}: {}", program, std::strerror(failure))}
        .hint("the agent's installation is not whole: install it again");
  }
  auto process = open_process(pid);
  if (!process.is_open()) {
    ::kill(pid, SIGTERM);
    throw Error{Code::internal, "this kernel has no pidfd_open (Linux 5.3 brought it)"};
  }
  return RunnerProcess{executor, pid, std::move(process)};
}

asio::awaitable<std::optional<RunnerProcess>> RunnerProcess::adopt(fs::path folder) {
  const auto executor = co_await asio::this_coro::executor;
  const auto lock = open_lock(folder, 0);
  while (lock.is_open() && is_locked(lock)) {
    const auto pid = pid_in(lock);
    auto process = pid > 0 ? open_process(pid) : Descriptor{};
    // Held before and after the descriptor was opened, so it is the holder's and no later process
    // of that number.
    if (process.is_open() && is_locked(lock)) {
      co_return RunnerProcess{executor, pid, std::move(process)};
    }
    co_await pause(std::chrono::milliseconds{20});  // it has just started, or is about to end
  }
  co_return std::nullopt;
}

asio::awaitable<void> RunnerProcess::wait() {
  // Asio keeps what it knows of a descriptor for the next one: a connection that was closed a
  // moment ago, with news on it, makes this one look ready.
  do {
    co_await process_.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
  } while (!is_over(process_.native_handle()));
  // Ours to bury when we started it; somebody else's child otherwise.
  ::waitpid(pid_, nullptr, WNOHANG);
}

void RunnerProcess::cancel() {
  ::syscall(SYS_pidfd_send_signal, process_.native_handle(), SIGTERM, nullptr, 0);
}

}  // namespace portoser::agent::actions
