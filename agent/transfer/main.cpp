// portoser-transfer: the steps of move.send, move.receive and move.discard. portoser-action runs it
// with the name of the step and the command's folder of the agent's journal; rsync runs it as
// `pipe`.
//
// What it cannot do it says in its last lines: "hint: ...", then the reason of docs/errors.md, a
// colon and the sentence. The agent reads them (agent/actions/failure_text.cpp).
#include "agent/transfer/discard.h"
#include "agent/transfer/engine_data.h"
#include "agent/transfer/folders.h"
#include "agent/transfer/parameters.h"
#include "agent/transfer/pipe.h"
#include "agent/transfer/receive.h"
#include "agent/transfer/send.h"
#include "common/describe_json.h"
#include "common/error.h"
#include "common/file.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <signal.h>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

using namespace portoser;
using namespace portoser::agent;

/// On one line, as the agent reads it.
std::string flat(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

/// A walk holds a descriptor for each folder that it is in.
void allow_deep_folders() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void run(const std::string& step, const std::filesystem::path& folder) {
  transfer::Parameters parameters;
  from_json(Json::parse(read_file(folder / "parameters.json")), parameters, "parameters");
  transfer::RealEngineData engine{parameters.engine_socket};
  if (step == "send") {
    transfer::Send{parameters, engine}.run();
  } else if (step == "discard") {
    transfer::Discard{parameters, engine, mount_points}.run();
  } else {
    auto program = std::filesystem::read_symlink("/proc/self/exe").string();
    transfer::Receive{parameters, engine, folder, std::move(program)}.run(step);
  }
}

int pipe(const std::vector<std::string>& words) {
  try {
    return transfer::run_pipe(words, STDIN_FILENO, STDOUT_FILENO);
  } catch (const std::exception& error) {
    // Not to standard output, which is rsync's.
    std::fprintf(stderr, "portoser-transfer: %s\n", error.what());
  }
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (!words.empty() && words[0] == "pipe") return pipe({words.begin() + 1, words.end()});
  if (words.size() != 2) {
    std::fputs("usage: portoser-transfer STEP FOLDER (of a command in the journal)\n", stderr);
    return 64;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  allow_deep_folders();
  try {
    run(words[0], words[1]);
    return 0;
  } catch (const Error& error) {
    if (!error.hint().empty()) fmt::print("hint: {}\n", flat(error.hint()));
    fmt::print("{}: {}\n", error.reason(), flat(error.message()));
  } catch (const std::exception& error) {
    fmt::print("INTERNAL: {}\n", flat(error.what()));
  }
  return 1;
}
