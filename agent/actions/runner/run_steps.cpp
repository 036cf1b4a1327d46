#include "agent/actions/runner/run_steps.h"

#include "agent/actions/runner/process_tree.h"

#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include <algorithm>
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

/// What ends a run before its steps are through.
struct Limits {
  std::int64_t deadline_ns = 0;  ///< CLOCK_BOOTTIME; 0: none
  bool can_be_cancelled = true;
};

class StepRunner {
 public:
  StepRunner(const Spec& spec, OutputLog& log, Limits limits);
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
  Limits limits_;
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

StepRunner::StepRunner(const Spec& spec, OutputLog& log, Limits limits)
    : spec_(spec), log_(log), limits_(limits) {
  sigset_t watched;
  ::sigemptyset(&watched);
  ::sigaddset(&watched, SIGTERM);
  ::sigaddset(&watched, SIGINT);
  ::sigaddset(&watched, SIGCHLD);
  signals_ = ::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
  deadline_ = ::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  if (limits.deadline_ns > 0) {
    itimerspec at{};
    at.it_value.tv_sec = limits.deadline_ns / 1'000'000'000;
    at.it_value.tv_nsec = limits.deadline_ns % 1'000'000'000;
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
    if (info.ssi_signo == SIGCHLD || ending_ || !limits_.can_be_cancelled) continue;
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

Limits protected_for(std::int64_t limit_ms) {
  return {uptime_ns() + limit_ms * 1'000'000, false};
}

/// Whether the file says that the change holds. A reader may be faster than whoever wrote it, and
/// what is done now must not outlive, in a power cut, the reason why.
bool says_settled(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  char text[32];
  const auto got = ::read(file, text, sizeof text);
  ::close(file);
  std::string_view said{text, static_cast<std::size_t>(got < 0 ? 0 : got)};
  if (said.ends_with('\n')) said.remove_suffix(1);
  if (said != settled_text) return false;
  const auto folder = path.substr(0, path.rfind('/'));
  const int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0) {
    ::fsync(directory);
    ::close(directory);
  }
  return true;
}

/// One command: its steps, then what may have to follow.
class CommandRunner {
 public:
  CommandRunner(const Spec& spec, const std::string& folder, OutputLog& log, Progress& progress)
      : spec_(spec), folder_(folder), log_(log), progress_(progress) {}

  Outcome run();
  Outcome resume();

 private:
  [[nodiscard]] bool can_be_undone() const { return !spec_.undo.empty(); }
  [[nodiscard]] std::int64_t settled_from() const;
  [[nodiscard]] bool is_settled() const;
  /// `is_touched`: there may be something to undo.
  void conclude(bool is_touched);
  /// The steps that can be undone, until one fails.
  void go_through();
  void settle();
  void undo();
  void tidy();

  const Spec& spec_;
  const std::string& folder_;
  OutputLog& log_;
  Progress& progress_;
  Outcome outcome_;
};

std::int64_t CommandRunner::settled_from() const {
  const auto count = static_cast<std::int64_t>(spec_.steps.size());
  return can_be_undone() ? std::clamp<std::int64_t>(spec_.settled_from, 0, count) : count;
}

bool CommandRunner::is_settled() const {
  return !spec_.settled_by.empty() && says_settled(folder_ + "/" + spec_.settled_by);
}

Outcome CommandRunner::run() {
  go_through();
  if (outcome_.failed_step.empty() && !spec_.settled_by.empty() && !is_settled()) {
    const auto last = static_cast<std::size_t>(std::max<std::int64_t>(1, settled_from()) - 1);
    outcome_.failed_step = last < spec_.steps.size() ? spec_.steps[last].name : "prepare";
    outcome_.problem = "nothing says that the change holds: " + spec_.settled_by;
    log_.notice(outcome_.problem);
  }
  conclude(progress_.reached().begun >= spec_.undo_from);
  return outcome_;
}

Outcome CommandRunner::resume() {
  const auto before = progress_.reached();
  const bool has_held =
      spec_.settled_by.empty() && !before.undoing && before.ended + 1 >= settled_from();
  if (has_held || is_settled()) {
    log_.notice("the command was cut off after its change held; it is finished now");
  } else {
    outcome_.interrupted = true;
    const auto step = static_cast<std::size_t>(std::max<std::int64_t>(0, before.begun));
    outcome_.failed_step = step < spec_.steps.size() ? spec_.steps[step].name : "prepare";
    log_.notice("the command was cut off in the step \"" + outcome_.failed_step + "\"");
  }
  conclude(before.undoing || before.begun >= spec_.undo_from);
  return outcome_;
}

void CommandRunner::conclude(bool is_touched) {
  const bool has_failed = !outcome_.failed_step.empty();
  if (has_failed && can_be_undone() && is_touched && !is_settled()) undo();
  // The undo may have come too late for it: somebody said meanwhile that the change holds.
  if (has_failed && is_settled()) {
    log_.notice("the change holds all the same; the command is finished now");
    outcome_ = Outcome{};
  }
  if (outcome_.failed_step.empty()) settle();
  tidy();
}

void CommandRunner::go_through() {
  StepRunner runner{spec_, log_, {spec_.deadline_ns, true}};
  for (std::int64_t number = 0; number < settled_from(); ++number) {
    const auto& step = spec_.steps[static_cast<std::size_t>(number)];
    if (!progress_.begin(number)) {
      outcome_.failed_step = step.name;
      outcome_.problem = "how far the command comes cannot be written down";
      log_.notice(outcome_.problem);
      return;
    }
    runner.run(step, outcome_);
    if (!outcome_.failed_step.empty()) return;
    // Not noted: should this runner be killed, the next one undoes more than it had to.
    if (!progress_.end(number)) log_.notice("how far the command came cannot be written down");
  }
}

void CommandRunner::settle() {
  StepRunner runner{spec_, log_, protected_for(spec_.undo_limit_ms)};
  const auto count = static_cast<std::int64_t>(spec_.steps.size());
  for (auto number = settled_from(); number < count; ++number) {
    Outcome ignored;  // what holds is not spoilt by what comes after it; the log tells
    runner.run(spec_.steps[static_cast<std::size_t>(number)], ignored);
  }
}

void CommandRunner::undo() {
  // Not noted: the next runner, if there has to be one, comes to the same by the step that began.
  if (!progress_.undo()) log_.notice("the undo cannot be written down");
  StepRunner runner{spec_, log_, protected_for(spec_.undo_limit_ms)};
  outcome_.undone = undo_returned;
  for (const auto& step : spec_.undo) {
    Outcome undoing;
    runner.run(step, undoing);
    if (undoing.failed_step.empty()) continue;
    if (undoing.exit_code == nothing_to_undo && !undoing.timed_out) {
      outcome_.undone.clear();
    } else {
      outcome_.undone = undo_failed;
      outcome_.failed_undo = step.name;
      outcome_.undo_problem = undoing.timed_out ? "it took longer than it may" : undoing.problem;
    }
    return;
  }
}

void CommandRunner::tidy() {
  constexpr std::int64_t limit_ms = 60'000;
  if (spec_.tidy.empty()) return;
  StepRunner runner{spec_, log_, protected_for(limit_ms)};
  for (const auto& step : spec_.tidy) {
    Outcome ignored;
    runner.run(step, ignored);
  }
}

}  // namespace

Outcome run_steps(
    const Spec& spec, const std::string& folder, OutputLog& log, Progress& progress, bool resume) {
  CommandRunner runner{spec, folder, log, progress};
  return resume ? runner.resume() : runner.run();
}

}  // namespace portoser::agent::actions::runner
