#include "tests/support/process.h"

#include "common/error.h"
#include "common/file.h"
#include "tests/support/await.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <sched.h>
#include <unistd.h>
#include <utility>

namespace portoser::test {
namespace {

std::vector<std::string> merged(const Environment& extra) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text{*entry};
    if (!extra.contains(text.substr(0, text.find('=')))) result.push_back(text);
  }
  for (const auto& [name, value] : extra) result.push_back(name + "=" + value);
  return result;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (auto& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

Descriptor open_or_throw(const std::filesystem::path& path, int flags) {
  Descriptor file{::open(path.c_str(), flags | O_CLOEXEC, 0644)};
  if (!file.is_open()) throw Error{Code::not_found, system_error_text("cannot open", path)};
  return file;
}

/// What the child needs between fork and exec, where only system calls are allowed.
struct Launch {
  char* const* argv;
  char* const* environment;
  const char* folder;  ///< null: ours
  int input;
  int output;
  int report;  ///< errno of what failed; closed by exec
  int host;    ///< whose namespaces; -1: ours
};

[[noreturn]] void give_up(const Launch& launch) {
  const int code = errno;
  [[maybe_unused]] const auto written = ::write(launch.report, &code, sizeof code);
  ::_exit(127);
}

/// A pid namespace is entered by a child only: this returns in the child, and the process that was
/// forked for it stays to end as the child does.
void enter_host(const Launch& launch) {
  constexpr int all = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC |
                      CLONE_NEWTIME | CLONE_NEWCGROUP;
  if (::setns(launch.host, all) != 0) give_up(launch);
  const auto child = ::fork();
  if (child < 0) give_up(launch);
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    return;
  }
  ::close(launch.report);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  ::_exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

[[noreturn]] void become(const Launch& launch, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // A parent that ended before the line above sends nothing.
  if (::getppid() != parent) ::_exit(127);
  ::dup2(launch.input, STDIN_FILENO);
  ::dup2(launch.output, STDOUT_FILENO);
  ::dup2(launch.output, STDERR_FILENO);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (launch.host >= 0) enter_host(launch);
  if (launch.folder == nullptr || ::chdir(launch.folder) == 0) {
    ::execvpe(launch.argv[0], launch.argv, launch.environment);
  }
  give_up(launch);
}

/// Starts the program; returns once exec has succeeded.
pid_t start(const ProcessRequest& request, int input, int output) {
  auto arguments = request.argv;
  auto environment = merged(request.environment);
  const auto argv = pointers(arguments);
  const auto envp = pointers(environment);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw Error{Code::internal, system_error_text("cannot make a pipe for", request.argv.front())};
  }
  const Descriptor report_in{ends[0]};
  Descriptor host;
  if (request.within != 0) {
    host = Descriptor{static_cast<int>(::syscall(SYS_pidfd_open, request.within, 0))};
    if (!host.is_open()) throw Error{Code::unavailable, "the host is off"};
  }
  Descriptor report_out{ends[1]};
  const Launch launch{.argv = argv.data(),
                      .environment = envp.data(),
                      .folder = request.folder.empty() ? nullptr : request.folder.c_str(),
                      .input = input,
                      .output = output,
                      .report = report_out.get(),
                      .host = host.is_open() ? host.get() : -1};
  const auto parent = ::getpid();
  const auto pid = ::fork();
  if (pid == 0) become(launch, parent);
  if (pid < 0) {
    throw Error{Code::internal, system_error_text("cannot fork for", request.argv.front())};
  }
  ::setpgid(pid, pid);  // both sides do it: whoever comes first
  report_out = Descriptor{};
  int code = 0;
  ssize_t got = 0;
  while ((got = ::read(report_in.get(), &code, sizeof code)) < 0 && errno == EINTR) {
  }
  if (got > 0) {
    ::waitpid(pid, nullptr, 0);
    errno = code;
    throw Error{Code::not_found, system_error_text("cannot start", request.argv.front())};
  }
  return pid;
}

/// The exit status, leaving the zombie; none while it runs.
std::optional<int> ended(pid_t pid) {
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
    if (errno != EINTR) throw Error{Code::internal, fmt::format("cannot wait for pid {}", pid)};
  }
  if (info.si_pid == 0) return std::nullopt;
  return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

std::string last_lines(const std::string& text, int lines) {
  auto from = text.size();
  // The newline at the very end ends the last line; it does not begin another.
  while (from > 0 && (text[from - 1] != '\n' || from == text.size() || --lines > 0)) --from;
  return text.substr(from);
}

}  // namespace

Process::Process(ProcessRequest request) : request_(std::move(request)) {
  const auto input =
      open_or_throw(request_.input_file.empty() ? "/dev/null" : request_.input_file, O_RDONLY);
  const auto output = open_or_throw(request_.log_file.empty() ? "/dev/null" : request_.log_file,
                                    O_WRONLY | O_CREAT | O_APPEND);
  leader_ = start(request_, input.get(), output.get());
  // Of a program that has ended already there is nothing left but its leader.
  pid_ = request_.within == 0 ? leader_ : await_child(leader_).value_or(leader_);
}

Process::Process(Process&& other) noexcept
    : request_(std::move(other.request_)),
      leader_(std::exchange(other.leader_, 0)),
      pid_(std::exchange(other.pid_, 0)) {}

Process& Process::operator=(Process&& other) noexcept {
  if (this != &other) {
    end_group();
    request_ = std::move(other.request_);
    leader_ = std::exchange(other.leader_, 0);
    pid_ = std::exchange(other.pid_, 0);
  }
  return *this;
}

Process::~Process() {
  end_group();
}

std::optional<int> Process::exit_status() const {
  return ended(leader_);
}

int Process::wait(std::chrono::milliseconds limit) const {
  await_until(
      fmt::format("{} (pid {}) ends", request_.argv.front(), pid_),
      limit,
      [&] { return !running(); },
      [&] { return log_tail(); });
  return exit_status().value_or(-1);
}

void Process::signal(int number) const {
  ::kill(pid_, number);
}

int Process::terminate(std::chrono::milliseconds limit) const {
  signal(SIGTERM);
  try {
    return wait(limit);
  } catch (const Error&) {
    return kill();
  }
}

int Process::kill() const {
  signal(SIGKILL);
  return wait(std::chrono::seconds{30});
}

void Process::freeze() const {
  signal(SIGSTOP);
}
void Process::thaw() const {
  signal(SIGCONT);
}

std::string Process::log() const {
  return request_.log_file.empty() ? std::string{} : read_file(request_.log_file);
}

std::string Process::log_tail(int lines) const {
  return last_lines(log(), lines);
}

void Process::end_group() noexcept {
  if (leader_ == 0) return;
  ::kill(-leader_, SIGKILL);
  while (::waitpid(leader_, nullptr, 0) < 0 && errno == EINTR) {
  }
  leader_ = 0;
  pid_ = 0;
}

std::optional<pid_t> await_child(pid_t parent) {
  const auto list = fmt::format("/proc/{0}/task/{0}/children", parent);
  pid_t child = 0;
  await_until("the program is started", std::chrono::seconds{30}, [&] {
    std::ifstream{list} >> child;
    return child != 0 || ended(parent);
  });
  return child == 0 ? std::nullopt : std::optional{child};
}

CommandResult run_command(std::vector<std::string> argv, const CommandOptions& options) {
  const Descriptor output{::memfd_create("output", MFD_CLOEXEC)};
  const auto output_path = fmt::format("/proc/self/fd/{}", output.get());
  ProcessRequest request{.argv = std::move(argv),
                         .environment = options.environment,
                         .folder = options.folder,
                         .log_file = output_path,
                         .input_file = options.input_file,
                         .within = options.within};
  const Process process{std::move(request)};
  CommandResult result;
  result.exit_status = process.wait(options.limit);
  result.output = process.log();
  return result;
}

std::string must_run(std::vector<std::string> argv, const CommandOptions& options) {
  const auto line = fmt::format("{}", fmt::join(argv, " "));
  auto result = run_command(std::move(argv), options);
  if (result.exit_status != 0) {
    throw Error{Code::internal,
                fmt::format("`{}` ended with {}:\n{}", line, result.exit_status, result.output)};
  }
  return std::move(result.output);
}

}  // namespace portoser::test
