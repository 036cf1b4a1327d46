/// Programs that a test starts: those that run beside it (`Process`) and those whose end it waits
/// for
/// (`run_command`). Any thread, one object in one thread at a time.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace portoser::test {

using Environment = std::map<std::string, std::string>;

struct ProcessRequest {
  std::vector<std::string> argv{};     ///< argv[0] is looked up in PATH
  Environment environment{};           ///< beside ours, overriding it
  std::filesystem::path folder{};      ///< working directory; empty: ours
  std::filesystem::path log_file{};    ///< stdout and stderr are added to it; empty: dropped
  std::filesystem::path input_file{};  ///< stdin; empty: /dev/null
  pid_t within = 0;  ///< in all namespaces of this process (`Host::first_process`); 0: in ours
};

/// A running program, leader of a process group of its own. Destroyed, the whole group is ended by
/// SIGKILL; so is the program itself when the thread that started it ends, thus also with a test
/// that crashes. Signals other than that go to the program alone, as a service manager with
/// `KillMode=process` sends them. The ended program stays a zombie until destruction, so its pid
/// cannot become somebody else's.
class Process {
 public:
  explicit Process(ProcessRequest request);  ///< cannot be started: `Error{not_found}`
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();

  /// Of the program, also when another one leads it into the namespaces of a host.
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool running() const { return !exit_status().has_value(); }
  /// 128 + signal for a program that a signal ended; none while it runs.
  [[nodiscard]] std::optional<int> exit_status() const;
  /// `Error{deadline}` with the log's end when it still runs after `limit`.
  int wait(std::chrono::milliseconds limit) const;

  void signal(int number) const;
  /// SIGTERM, then after `limit` SIGKILL; the exit status tells which (137: SIGKILL).
  int terminate(std::chrono::milliseconds limit = std::chrono::seconds{10}) const;
  int kill() const;     ///< SIGKILL, and waits for the end
  void freeze() const;  ///< SIGSTOP
  void thaw() const;    ///< SIGCONT

  [[nodiscard]] std::string log() const;  ///< all of it; empty without a log file
  [[nodiscard]] std::string log_tail(int lines = 30) const;

 private:
  void end_group() noexcept;

  ProcessRequest request_;
  pid_t leader_ = 0;  ///< our child: the program, or who waits for it
  pid_t pid_ = 0;
};

/// The process that our child `parent` started first; waits until there is one. None: `parent`
/// ended.
std::optional<pid_t> await_child(pid_t parent);

struct CommandResult {
  int exit_status = 0;  ///< 128 + signal for a program that a signal ended
  std::string output;   ///< stdout and stderr, as they came
};

struct CommandOptions {
  Environment environment{};
  std::filesystem::path folder{};
  std::filesystem::path input_file{};
  pid_t within = 0;
  std::chrono::milliseconds limit{std::chrono::minutes{2}};  ///< then `Error{deadline}`
};

CommandResult run_command(std::vector<std::string> argv, const CommandOptions& options = {});
/// The output. `Error{internal}` with it unless the exit status is 0.
std::string must_run(std::vector<std::string> argv, const CommandOptions& options = {});

}  // namespace portoser::test
