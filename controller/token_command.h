/// `portoser-controller token create|list|revoke`: join tokens from the command line, whether or
/// not the controller runs.
#pragma once

#include <string>
#include <vector>

namespace portoser {

/// `arguments` are those after "token". Returns the exit status.
int run_token_command(const std::vector<std::string>& arguments);

}  // namespace portoser
