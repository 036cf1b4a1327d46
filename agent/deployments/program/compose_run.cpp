#include "agent/deployments/program/compose_run.h"

#include "common/error.h"
#include "common/file.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <signal.h>
#include <unistd.h>

namespace portoser::agent::deployments {
namespace {

/// `output`: where its standard output goes; -1: where ours does.
pid_t start(std::vector<std::string> argv, const std::string& folder, int output) {
  std::fflush(stdout);
  const auto parent = ::getpid();
  const auto child = ::fork();
  if (child < 0) throw Error{Code::internal, system_error_text("cannot start", argv.at(0))};
  if (child > 0) return child;
  // Who is killed takes it along, as the runner does with us.
  ::prctl(PR_SET_PDEATHSIG, static_cast<unsigned long>(SIGKILL), 0UL, 0UL, 0UL);
  if (::getppid() != parent) ::_exit(127);
  if (output >= 0) ::dup2(output, STDOUT_FILENO);
  std::vector<char*> words;
  for (auto& word : argv) words.push_back(word.data());
  words.push_back(nullptr);
  if (::chdir(folder.c_str()) == 0) ::execvp(words[0], words.data());
  std::fprintf(stderr, "cannot run %s: %s\n", words[0], std::strerror(errno));
  ::_exit(127);
}

int end_of(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) throw Error{Code::internal, "compose is gone"};
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

std::string folder_of(const Parameters& parameters) {
  return std::filesystem::path{parameters.file}.parent_path().string();
}

}  // namespace

std::vector<std::string> ComposeRun::line(const std::vector<std::string>& words,
                                          const std::vector<std::string>& services,
                                          const std::string& file) const {
  auto argv = parameters_.tool;
  argv.insert(argv.end(), {"-f", file.empty() ? parameters_.file : file});
  if (!parameters_.project.empty()) argv.insert(argv.end(), {"-p", parameters_.project});
  argv.insert(argv.end(), words.begin(), words.end());
  argv.insert(argv.end(), services.begin(), services.end());
  return argv;
}

int ComposeRun::operator()(const std::vector<std::string>& words,
                           const std::vector<std::string>& services,
                           const std::string& file) const {
  return end_of(start(line(words, services, file), folder_of(parameters_), -1));
}

std::string ComposeRun::output(const std::vector<std::string>& words,
                               const std::string& file) const {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) throw Error{Code::internal, "no pipe"};
  const Descriptor in{ends[0]};
  Descriptor out{ends[1]};
  const auto child = start(line(words, {}, file), folder_of(parameters_), out.get());
  out = Descriptor{};
  std::string text;
  char block[16384];
  for (;;) {
    const auto got = ::read(in.get(), block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    text.append(block, static_cast<std::size_t>(got));
  }
  return end_of(child) == 0 ? text : std::string{};
}

std::vector<std::string> ComposeRun::up_words() const {
  std::vector<std::string> words{"up", "-d", "--no-build"};
  // Unlike 1.29, v2 would go by a `pull_policy: always`.
  if (parameters_.is_v2) words.insert(words.end(), {"--pull", "never"});
  return words;
}

}  // namespace portoser::agent::deployments
