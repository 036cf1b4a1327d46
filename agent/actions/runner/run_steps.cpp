#include "agent/actions/runner/run_steps.h"

#include "agent/actions/runner/process_tree.h"

#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

namespace portoser::agent::actions::runner {
namespace {

std::int64_t uptime_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

class StepRunner {
 public:
  StepRunner(const Spec& spec, OutputLog& log);
  ~StepRunner();
  StepRunner(const StepRunner&) = delete;
  StepRunner& operator=(const StepRunner&) = delete;

  /// Fills `outcome` when the step fails or the run is to end.
  void run(const Step& step, Outcome& outcome);

 private:
  bool start(const Step& step, Outcome& outcome);
  [[noreturn]] void become(const Step& step, int output, int failure) const;
  void wait_for_events(Outcome& outcome);
  void look_for_end(Outcome& outcome);
  void read_output();
  void reap();
  void begin_end();
  void end_rest();

  const Spec& spec_;
  OutputLog& log_;
  pid_t runner_ = ::getpid();
  int signals_ = -1;
  int deadline_ = -1;
  int output_ = -1;
  bool output_ended_ = false;
  pid_t child_ = 0;
  bool child_ended_ = false;
  int status_ = 0;
  bool ending_ = false;
  std::int64_t kill_at_ns_ = 0;
};

StepRunner::StepRunner(const Spec& spec, OutputLog& log) : spec_(spec), log_(log) {
  sigset_t watched;
  ::sigemptyset(&watched);
  ::sigaddset(&watched, SIGTERM);
  ::sigaddset(&watched, SIGINT);
  ::sigaddset(&watched, SIGCHLD);
  signals_ = ::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
  deadline_ = ::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  if (spec.deadline_ns > 0) {
    itimerspec at{};
    at.it_value.tv_sec = spec.deadline_ns / 1'000'000'000;
    at.it_value.tv_nsec = spec.deadline_ns % 1'000'000'000;
    ::timerfd_settime(deadline_, TFD_TIMER_ABSTIME, &at, nullptr);
  }
}

StepRunner::~StepRunner() {
  ::close(signals_);
  ::close(deadline_);
}

void StepRunner::run(const Step& step, Outcome& outcome) {
  look_for_end(outcome);
  if (ending_) {
    outcome.failed_step = step.name;
    return;
  }
  log_.begin_step(step.name);
  if (!start(step, outcome)) {
    log_.notice(outcome.problem);
    return;
  }
  while (!child_ended_ || (ending_ && !descendants().empty())) wait_for_events(outcome);
  read_output();
  end_rest();
  read_output();
  ::close(output_);
  log_.end_step();
  const int exit_code = WIFSIGNALED(status_) ? 128 + WTERMSIG(status_) : WEXITSTATUS(status_);
  if (ending_ || (exit_code != 0 && !step.may_fail)) {
    outcome.failed_step = step.name;
    outcome.exit_code = exit_code;
  }
}

/// What a step leaves behind would hold its output open, and work on after the result. One that
/// hangs in the kernel cannot be ended: that is not waited for.
void StepRunner::end_rest() {
  constexpr int attempts = 1000;
  for (int attempt = 0; attempt < attempts && signal_descendants(SIGKILL) > 0; ++attempt) {
    ::poll(nullptr, 0, 5);
    reap();
  }
}

bool StepRunner::start(const Step& step, Outcome& outcome) {
  child_ended_ = false;
  output_ended_ = false;
  status_ = 0;
  int output[2] = {-1, -1};
  int failure[2] = {-1, -1};
  if (::pipe2(output, O_CLOEXEC) != 0 || ::pipe2(failure, O_CLOEXEC) != 0) {
    outcome.failed_step = step.name;
    outcome.problem = std::string{"no pipe: "} + std::strerror(errno);
    return false;
  }
  child_ = ::fork();
  if (child_ == 0) become(step, output[1], failure[1]);
  ::close(output[1]);
  ::close(failure[1]);
  int error = child_ < 0 ? errno : 0;
  const auto got = child_ < 0 ? 0 : ::read(failure[0], &error, sizeof error);
  ::close(failure[0]);
  if (child_ < 0 || got == static_cast<ssize_t>(sizeof error)) {
    ::close(output[0]);
    if (child_ > 0) ::waitpid(child_, nullptr, 0);
    outcome.failed_step = step.name;
    outcome.exit_code = 127;
    outcome.problem = "cannot run " + step.argv.at(0) + ": " + std::strerror(error);
    return false;
  }
  output_ = output[0];
  ::fcntl(output_, F_SETFL, O_NONBLOCK);
  return true;
}

/// Between fork and exec. The runner has one thread, so that allocating is safe here.
void StepRunner::become(const Step& step, int output, int failure) const {
  ::setpgid(0, 0);
  // A runner that is killed takes its step along: nobody is left to say what became of it.
  ::prctl(PR_SET_PDEATHSIG, static_cast<unsigned long>(SIGKILL), 0UL, 0UL, 0UL);
  if (::getppid() != runner_) ::_exit(127);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const int input = ::open("/dev/null", O_RDONLY);
  ::dup2(input, 0);
  ::dup2(output, 1);
  ::dup2(output, 2);
  std::vector<char*> argv;
  for (const auto& argument : step.argv) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  if (step.folder.empty() || ::chdir(step.folder.c_str()) == 0) ::execvp(argv[0], argv.data());
  const int error = errno;
  if (::write(failure, &error, sizeof error) < 0) ::_exit(126);
  ::_exit(127);
}

void StepRunner::wait_for_events(Outcome& outcome) {
  pollfd sources[] = {{signals_, POLLIN, 0},
                      {ending_ ? -1 : deadline_, POLLIN, 0},
                      {output_ended_ ? -1 : output_, POLLIN, 0}};
  // While it ends the tree is looked at again: a process in it may have started another meanwhile.
  ::poll(sources, 3, ending_ ? 50 : -1);
  if (sources[2].revents != 0) read_output();
  look_for_end(outcome);
  if (ending_ && uptime_ns() >= kill_at_ns_) signal_descendants(SIGKILL);
}

void StepRunner::look_for_end(Outcome& outcome) {
  signalfd_siginfo info{};
  while (::read(signals_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo == SIGCHLD || ending_) continue;
    outcome.cancelled = true;
    begin_end();
  }
  std::uint64_t expirations = 0;
  if (!ending_ && ::read(deadline_, &expirations, sizeof expirations) > 0) {
    outcome.timed_out = true;
    begin_end();
  }
  reap();
}

void StepRunner::reap() {
  int status = 0;
  for (pid_t ended = 0; (ended = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    if (ended != child_) continue;
    child_ended_ = true;
    status_ = status;
  }
}

void StepRunner::read_output() {
  char block[16384];
  for (;;) {
    const auto got = ::read(output_, block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) output_ended_ = true;
    if (got <= 0) return;
    log_.feed({block, static_cast<std::size_t>(got)});
  }
}

void StepRunner::begin_end() {
  ending_ = true;
  kill_at_ns_ = uptime_ns() + spec_.grace_ms * 1'000'000;
  signal_descendants(SIGTERM);
}

}  // namespace

Outcome run_steps(const Spec& spec, OutputLog& log) {
  Outcome outcome;
  StepRunner runner{spec, log};
  for (const auto& step : spec.steps) {
    runner.run(step, outcome);
    if (!outcome.failed_step.empty()) break;
  }
  return outcome;
}

}  // namespace portoser::agent::actions::runner
