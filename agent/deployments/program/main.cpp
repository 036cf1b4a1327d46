// portoser-deployment: the steps of a `compose.deploy` that are not compose's own, and that of a
// `compose.confirm`. portoser-action
// runs it with the name of the step and the command's folder of the agent's journal.
//
// What it cannot do it says in its last lines: "hint: ...", then the reason of docs/errors.md, a
// colon and the sentence. The agent reads them (agent/actions/failure_text.cpp).
#include "agent/deployments/parameters.h"
#include "agent/deployments/program/engine_calls.h"
#include "agent/deployments/program/work.h"
#include "common/describe_json.h"
#include "common/error.h"
#include "common/file.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>

namespace {

using namespace portoser;
using namespace portoser::agent;

/// On one line, as the agent reads it.
std::string flat(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

/// How long a call of the engine may take. What has to be ended is not left to one that is frozen.
std::chrono::seconds limit_of(const std::string& step, const deployments::Parameters& parameters) {
  constexpr std::chrono::seconds usual{60};
  constexpr std::chrono::seconds pressing{5};
  const bool is_pressing =
      step == "withdraw" || (step == "tidy" && parameters.action == "activate");
  return is_pressing ? pressing : usual;
}

int run(const std::string& step, const std::filesystem::path& folder) {
  deployments::Parameters parameters;
  from_json(Json::parse(read_file(folder / "parameters.json")), parameters, "parameters");
  deployments::RealEngine engine{parameters.engine_socket, limit_of(step, parameters)};
  deployments::Work work{parameters, engine, deployments::system_clock()};
  return work.run(step);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: portoser-deployment STEP FOLDER (of a command in the journal)\n", stderr);
    return 64;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  try {
    return run(argv[1], argv[2]);
  } catch (const Error& error) {
    if (!error.hint().empty()) fmt::print("hint: {}\n", flat(error.hint()));
    fmt::print("{}: {}\n", error.reason(), flat(error.message()));
  } catch (const std::exception& error) {
    fmt::print("INTERNAL: {}\n", flat(error.what()));
  }
  return 1;
}
