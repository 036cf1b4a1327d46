#include "tests/support/programs.h"

#include "common/error.h"

#include <fmt/core.h>

#include <cstdlib>

namespace portoser::test {
namespace {

std::filesystem::path built(const char* relative) {
  auto program = build_folder() / relative;
  if (!std::filesystem::exists(program)) {
    throw Error{Code::not_found,
                fmt::format("{} is not there: build it, or set PORTOSER_BIN_DIR to a build folder",
                            program.string())};
  }
  return program;
}

}  // namespace

std::filesystem::path build_folder() {
  const char* chosen = std::getenv("PORTOSER_BIN_DIR");
  return chosen != nullptr && *chosen != '\0' ? chosen : PORTOSER_BUILD_DIR;
}

std::filesystem::path controller_program() {
  return built("controller/portoser-controller");
}
std::filesystem::path agent_program() {
  return built("agent/portoser-agent");
}

}  // namespace portoser::test
