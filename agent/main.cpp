#include "agent/agent.h"
#include "agent/identity/settings.h"
#include "common/error.h"
#include "common/program.h"
#include "common/version.h"

#include <fmt/format.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

/// Joining is a program of its own beside this one, so that the daemon loads no TLS and no HTTP
/// client.
int run_join(char** argv) {
  const auto program =
      std::filesystem::read_symlink("/proc/self/exe").parent_path() / "portoser-agent-join";
  ::execv(program.c_str(), argv);
  throw portoser::Error{portoser::Code::internal,
                        fmt::format("cannot run {}: {}", program.string(), std::strerror(errno))};
}

}  // namespace

int main(int argc, char** argv) {
  return portoser::run_program("portoser-agent", [&] {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    if (!arguments.empty() && arguments.front() == "join") return run_join(argv + 1);
    if (!arguments.empty() && arguments.front() == "--version") {
      fmt::print("portoser-agent {}\n", portoser::version);
      return 0;
    }
    const auto settings = portoser::agent::identity::load_agent_settings(
        "Runs the agent of this host. Before the first start: portoser-agent join TOKEN.",
        arguments);
    if (!settings.command_line.words.empty()) {
      throw portoser::Error{
          portoser::Code::invalid,
          fmt::format("there is no command \"{}\"", settings.command_line.words.front())}
          .hint("commands are: join TOKEN; none: run the agent");
    }
    if (settings.command_line.check_config) {
      fmt::print("{}", settings.description);
      return 0;
    }
    return portoser::agent::Agent{settings.values}.run_until_signal();
  });
}
