/// Runs a program and waits for it without blocking the thread.
#pragma once

#include "common/tasks.h"

#include <chrono>
#include <string>
#include <vector>

namespace portoser {

struct ChildRequest {
  std::vector<std::string> argv;  ///< argv[0] is looked up in PATH
  std::string folder;             ///< working directory; empty: ours
  std::chrono::milliseconds limit{std::chrono::seconds{10}};
  std::size_t output_limit = 256U << 10U;  ///< bytes kept of each; the rest is read and dropped
  bool errors_apart = false;               ///< stderr does not go into `output`
};

struct ChildResult {
  int exit_code = 0;       ///< 128 + signal for a child that a signal ended
  std::string output;      ///< stdout and stderr, as they came
  std::string errors;      ///< stderr, with `errors_apart`
  bool timed_out = false;  ///< the limit passed; the child was killed
};

/// A program that is not there: `Error{not_found}`. Cancelling kills the child. One that is killed
/// and does not end, since it hangs in the kernel, is not waited for; while 32 do,
/// `Error{unavailable}`.
asio::awaitable<ChildResult> run_child(ChildRequest request);

}  // namespace portoser
