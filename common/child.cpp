#include "common/child.h"

#include <boost/asio/connect_pipe.hpp>
#include <boost/asio/readable_pipe.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/writable_pipe.hpp>
#include <boost/process/v2/environment.hpp>
#include <boost/process/v2/process.hpp>
#include <boost/process/v2/start_dir.hpp>
#include <boost/process/v2/stdio.hpp>
#include <sys/wait.h>

#include <csignal>
#include <mutex>
#include <optional>

namespace portoser {
namespace {

namespace process = boost::process::v2;

/// Children that were killed and have not ended. One that hangs in the kernel, on a disk that does
/// not answer, does so late or never, and nobody may wait for it: they are reaped when the next
/// program is run.
class Killed {
 public:
  void add(pid_t pid) {
    const std::scoped_lock lock{mutex_};
    pids_.push_back(pid);
  }
  void reap() {
    const std::scoped_lock lock{mutex_};
    std::erase_if(pids_, [](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; });
    if (pids_.size() < most) return;
    throw Error{Code::unavailable,
                std::to_string(pids_.size()) + " programs hang on this machine and cannot be ended"}
        .hint("a disk or a network folder does not answer: ps shows them in state D");
  }

 private:
  static constexpr std::size_t most = 32;
  std::mutex mutex_;
  std::vector<pid_t> pids_;
};

Killed& killed() {
  static Killed all;
  return all;
}

/// The library's own destructor waits for a killed child's end.
struct ChildKiller {
  process::process& child;
  ~ChildKiller() {
    boost::system::error_code over;
    const auto pid = child.id();
    if (child.running(over)) {
      ::kill(pid, SIGKILL);
      killed().add(pid);
    }
    child.detach();
  }
};

/// Reads to the end of the pipe; keeps what fits.
asio::awaitable<void> drain(asio::readable_pipe& pipe, std::string& output, std::size_t limit) {
  std::string block(16U << 10U, '\0');
  for (;;) {
    boost::system::error_code failure;
    const auto got = co_await pipe.async_read_some(
        asio::buffer(block), asio::redirect_error(asio::use_awaitable, failure));
    const auto room = limit - std::min(limit, output.size());
    output.append(block, 0, std::min(got, room));
    if (failure == asio::error::operation_aborted) {
      throw boost::system::system_error{failure};
    }
    if (failure) {
      co_return;
    }
  }
}

int exit_code_of(int native) {
  return WIFSIGNALED(native) ? 128 + WTERMSIG(native) : WEXITSTATUS(native);
}

/// What a child writes into goes to its end before its exit code is asked for.
asio::awaitable<void> read_and_wait(process::process& child,
                                    asio::readable_pipe& pipe,
                                    asio::readable_pipe& error_pipe,
                                    ChildResult& result,
                                    std::size_t output_limit) {
  using namespace asio::experimental::awaitable_operators;
  auto output = drain(pipe, result.output, output_limit);
  auto errors = drain(error_pipe, result.errors, output_limit);
  co_await (std::move(output) && std::move(errors));
  boost::system::error_code ignored;
  co_await child.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  result.exit_code = exit_code_of(child.native_exit_code());
}

}  // namespace

asio::awaitable<ChildResult> run_child(ChildRequest request) {
  const auto executor = co_await asio::this_coro::executor;
  killed().reap();
  const auto program = request.argv.at(0).find('/') == std::string::npos
                           ? process::environment::find_executable(request.argv[0])
                           : boost::filesystem::path{request.argv[0]};
  if (program.empty()) {
    throw Error{Code::not_found, "there is no program \"" + request.argv[0] + "\" on this machine"};
  }
  ChildResult result;
  asio::readable_pipe pipe{executor};
  asio::writable_pipe child_end{executor};
  asio::connect_pipe(pipe, child_end);
  asio::readable_pipe error_pipe{executor};
  asio::writable_pipe child_error_end{executor};
  asio::connect_pipe(error_pipe, child_error_end);
  const std::vector<std::string> arguments(request.argv.begin() + 1, request.argv.end());
  // By descriptor: a pipe given by object is made anew for each stream.
  const int output = child_end.native_handle();
  const int errors = request.errors_apart ? child_error_end.native_handle() : output;
  const process::process_start_dir folder{request.folder.empty() ? "." : request.folder};
  std::optional<process::process> started;
  try {
    started.emplace(
        executor, program, arguments, process::process_stdio{nullptr, output, errors}, folder);
  } catch (const boost::system::system_error& error) {
    throw Error{Code::not_found,
                "cannot run \"" + request.argv[0] + "\": " + error.code().message()};
  }
  auto& child = *started;
  const ChildKiller killer{child};
  child_end.close();
  child_error_end.close();
  try {
    co_await with_deadline(read_and_wait(child, pipe, error_pipe, result, request.output_limit),
                           request.limit,
                           request.argv[0]);
  } catch (const Error& error) {
    if (error.code() != Code::deadline) throw;
    result.timed_out = true;
    result.exit_code = 128 + SIGKILL;
  }
  co_return result;
}

}  // namespace portoser
