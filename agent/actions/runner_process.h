/// The small program beside us that runs a command's steps (runner/main.cpp). It has a session of
/// its own and outlives the agent; the next agent finds it by its lock. Lives on the agent's Asio
/// thread.
#pragma once

#include "common/file.h"
#include "common/tasks.h"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

namespace portoser::agent::actions {

class RunnerProcess {
 public:
  /// `folder`: the command's, with its spec. `resume`: one that was started before is gone without
  /// an outcome. Cannot be started: `Error{unavailable}`.
  static RunnerProcess start(const asio::any_io_executor& executor,
                             const std::string& program,
                             const std::filesystem::path& folder,
                             bool resume = false);
  /// The one that runs there; none: nobody does, and its outcome is there or never will be.
  static asio::awaitable<std::optional<RunnerProcess>> adopt(std::filesystem::path folder);

  /// Returns when it is gone. Cancelling leaves it alone.
  asio::awaitable<void> wait();
  /// It ends what it started, then itself; the outcome says so.
  void cancel();

 private:
  RunnerProcess(const asio::any_io_executor& executor, pid_t pid, Descriptor process);

  pid_t pid_;
  asio::posix::stream_descriptor process_;  ///< readable once it is gone
};

}  // namespace portoser::agent::actions
