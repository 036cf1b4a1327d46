#include "common/error.h"
#include "common/program.h"
#include "common/version.h"
#include "controller/controller.h"
#include "controller/import_command.h"
#include "controller/settings.h"
#include "controller/token_command.h"

#include <fmt/format.h>

#include <string>
#include <vector>

int main(int argc, char** argv) {
  return portoser::run_program("portoser-controller", [&] {
    std::vector<std::string> arguments(argv + 1, argv + argc);
    if (!arguments.empty() && arguments.front() == "token") {
      arguments.erase(arguments.begin());
      return portoser::run_token_command(arguments);
    }
    if (!arguments.empty() && arguments.front() == "import-history") {
      arguments.erase(arguments.begin());
      return portoser::run_import_command(arguments);
    }
    if (!arguments.empty() && arguments.front() == "--version") {
      fmt::print("portoser-controller {}\n", portoser::version);
      return 0;
    }
    auto settings = portoser::load_controller_settings(
        arguments,
        "Runs the controller. Other commands: token create, token list, token revoke ID, "
        "import-history FOLDER.");
    if (!settings.words.empty()) {
      throw portoser::Error{portoser::Code::invalid,
                            fmt::format("there is no command \"{}\"", settings.words.front())}
          .hint(
              "commands are: token create, token list, token revoke, import-history; none: run the "
              "controller");
    }
    if (settings.check_config) {
      fmt::print("{}", settings.described);
      return 0;
    }
    return portoser::Controller{std::move(settings)}.run_until_signal();
  });
}
