/// The mode `pipe`: what rsync takes for its remote shell. Joins its input and output with a stream
/// to the other host, where its call is served.
#pragma once

#include <string>
#include <vector>

namespace portoser::agent::transfer {

/// `words`: SOCKET STREAM ROOT, then what rsync adds: a host, "rsync" and the arguments. The exit
/// status: 0 when the other host said all it had to say. `input` and `output` are rsync's.
int run_pipe(const std::vector<std::string>& words, int input, int output);

}  // namespace portoser::agent::transfer
