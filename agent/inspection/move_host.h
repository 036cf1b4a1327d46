/// What both hosts of a move need, whichever way the service goes. In portoser-inspect only.
#pragma once

#include "agent/inspection/findings.h"
#include "common/tasks.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::agent::inspection {

/// Where a host has what a move uses.
struct MoveHost {
  std::filesystem::path data;        ///< the agent's
  std::vector<std::string> compose;  ///< the tool to use; empty: what is found
  std::string rsync = "rsync";
};

/// It is there, can be run, and is new enough for what a transfer asks of it.
asio::awaitable<void> check_rsync(std::string program, Findings& findings);

/// Of "rsync  version 3.2.7  protocol version 31": {3, 2}; something else: {0, 0}.
struct RsyncVersion {
  int major = 0;
  int minor = 0;
};
RsyncVersion rsync_version_in(std::string_view output);

/// As uname says: "x86_64", "aarch64".
std::string machine_name();

}  // namespace portoser::agent::inspection
