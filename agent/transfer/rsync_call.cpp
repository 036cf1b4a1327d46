#include "agent/transfer/rsync_call.h"

#include "agent/transfer/channel.h"
#include "agent/transfer/progress.h"
#include "common/error.h"
#include "common/file.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string_view>
#include <unistd.h>

namespace portoser::agent::transfer {
namespace {

using Words = std::vector<std::string>;

/// What a person's shell or the unit has set for rsync would change what it does, and its words.
void clear_environment() {
  Words names;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (text.starts_with("RSYNC_")) names.emplace_back(text.substr(0, text.find('=')));
  }
  for (const auto& name : names) ::unsetenv(name.c_str());
  ::setenv("LC_ALL", "C", 1);
}

/// -1: as ours.
struct Places {
  int input = -1;
  int output = -1;
  int errors = -1;
};

pid_t start(Words words, const Places& places) {
  std::fflush(stdout);
  const auto parent = ::getpid();
  const auto child = ::fork();
  if (child < 0) throw Error{Code::internal, system_error_text("cannot start", words.at(0))};
  if (child > 0) return child;
  // Who is killed takes it along, as the runner does with us.
  ::prctl(PR_SET_PDEATHSIG, static_cast<unsigned long>(SIGKILL), 0UL, 0UL, 0UL);
  if (::getppid() != parent) ::_exit(127);
  ::signal(SIGPIPE, SIG_DFL);
  clear_environment();
  if (places.input >= 0) ::dup2(places.input, STDIN_FILENO);
  if (places.errors >= 0) ::dup2(places.errors, STDERR_FILENO);
  if (places.output >= 0) ::dup2(places.output, STDOUT_FILENO);
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execv(argv[0], argv.data());
  std::fprintf(stderr, "cannot run %s: %s\n", argv[0], std::strerror(errno));
  ::_exit(127);
}

int end_of(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) throw Error{Code::internal, "rsync is gone"};
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

struct Pipe {
  Pipe() {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) throw Error{Code::internal, "no pipe"};
    out = Descriptor{ends[0]};
    in = Descriptor{ends[1]};
  }
  Descriptor out;
  Descriptor in;
};

/// Text that comes in parts, by lines; rsync ends those of its progress with a carriage return.
class Lines {
 public:
  explicit Lines(std::function<void(const std::string&)> take) : take_(std::move(take)) {}

  void add(std::string_view text) {
    constexpr std::size_t longest = 4096;
    for (const char letter : text) {
      if (letter == '\n' || letter == '\r') {
        end();
      } else if (line_.size() < longest) {
        line_ += letter;
      }
    }
  }
  void end() {
    if (!line_.empty()) take_(line_);
    line_.clear();
  }

 private:
  std::function<void(const std::string&)> take_;
  std::string line_;
};

/// False: it has ended.
bool read_into(int source, Lines& lines) {
  char block[16384];
  const auto got = ::read(source, block, sizeof block);
  if (got < 0) return errno == EINTR || errno == EAGAIN;
  lines.add({block, static_cast<std::size_t>(got)});
  return got > 0;
}

/// As rsync splits its option `-e`.
std::string quoted(const std::string& word) {
  std::string out = "'";
  for (const char letter : word) out += letter == '\'' ? std::string{"''"} : std::string{letter};
  return out + "'";
}

template <std::size_t Count>
bool tells(const Words& words, const std::array<std::string_view, Count>& parts) {
  return std::any_of(words.begin(), words.end(), [&](const std::string& line) {
    return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) {
      return line.find(part) != std::string::npos;
    });
  });
}

/// Its first line that says what is wrong; what follows is mostly a consequence of that.
std::string own_words(const Words& words) {
  std::string out;
  for (const auto& line : words) {
    if (!line.starts_with("rsync: ") ||
        line.find("connection unexpectedly closed") != std::string::npos) {
      continue;
    }
    out = line.substr(7);
    break;
  }
  if (out.empty() && !words.empty()) out = words.back();
  return out;
}

}  // namespace

std::string find_rsync() {
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "/usr/bin:/bin";
  while (!rest.empty()) {
    const auto end = std::min(rest.find(':'), rest.size());
    const auto program = std::string{rest.substr(0, end)} + "/rsync";
    rest.remove_prefix(std::min(rest.size(), end + 1));
    if (program.front() == '/' && ::access(program.c_str(), X_OK) == 0) return program;
  }
  throw Error{Code::unavailable, "this host has no rsync, with which data is moved"}
      .reason("RSYNC_MISSING")
      .hint("install it on this host: apt-get install rsync");
}

Words receiving_words(const RsyncCall& call) {
  Words words{call.rsync,
              "-aHAXS",
              "--numeric-ids",
              "--delete",
              "-z",
              "--compress-choice=zstd",
              "--compress-level=1",
              "--modify-window=-1",
              "--info=progress2,stats1",
              "--no-h",
              "--outbuf=L"};
  if (call.checks_content) {
    words.emplace_back("--ignore-times");
  } else {
    words.insert(words.end(), {"--inplace", "--partial"});
  }
  if (call.skips_lost_and_found) words.emplace_back("--exclude=/lost+found");
  if (call.rate_limit_kib > 0) words.push_back(fmt::format("--bwlimit={}", call.rate_limit_kib));
  words.emplace_back("-e");
  words.push_back(fmt::format("{} pipe {} {} {}",
                              quoted(call.program),
                              quoted(call.socket),
                              quoted(call.stream),
                              call.root));
  // The other host puts its own path in the place of this one.
  words.emplace_back("move:.");
  words.push_back(call.folder.ends_with('/') ? call.folder : call.folder + "/");
  return words;
}

RsyncEnd run_rsync(const Words& words, const std::function<void(std::int64_t)>& on_bytes) {
  constexpr std::size_t most_words = 30;
  RsyncEnd end;
  Pipe output;
  Pipe errors;
  const Descriptor nothing{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  const auto child = start(words, {nothing.get(), output.in.get(), errors.in.get()});
  output.in = Descriptor{};
  errors.in = Descriptor{};
  Lines said{[&](const std::string& line) {
    if (const auto bytes = progress_bytes(line)) on_bytes(*bytes);
    if (const auto bytes = total_bytes(line)) end.total_bytes = *bytes;
  }};
  Lines complained{[&](const std::string& line) {
    fmt::print("{}\n", line);
    if (end.words.size() == most_words) end.words.erase(end.words.begin());
    end.words.push_back(line);
  }};
  bool has_output = true;
  bool has_errors = true;
  while (has_output || has_errors) {
    pollfd sources[] = {{has_output ? output.out.get() : -1, POLLIN, 0},
                        {has_errors ? errors.out.get() : -1, POLLIN, 0}};
    if (::poll(sources, 2, -1) < 0) continue;
    if (sources[0].revents != 0) has_output = read_into(output.out.get(), said);
    if (sources[1].revents != 0) has_errors = read_into(errors.out.get(), complained);
  }
  said.end();
  complained.end();
  end.status = end_of(child);
  return end;
}

int serve_rsync(const Words& words, int channel) {
  return end_of(start(words, {channel, channel, STDOUT_FILENO}));
}

bool means_cut(int status) {
  constexpr std::array<int, 5> cut{5, 10, 12, 30, 35};
  return std::find(cut.begin(), cut.end(), status) != cut.end();
}

void judge(const RsyncEnd& end, const std::string& name, bool is_final) {
  constexpr int partial = 23;
  constexpr int vanished = 24;
  constexpr std::array<std::string_view, 2> full{"No space left on device", "Disk quota exceeded"};
  // What no running service does to its files.
  constexpr std::array<std::string_view, 5> serious{"Input/output error",
                                                    "Read-only file system",
                                                    "Permission denied",
                                                    "Operation not permitted",
                                                    "Structure needs cleaning"};
  if (end.status == 0) return;
  const auto words = own_words(end.words);
  // Whatever the status: who is in the middle of something ends with another one.
  if (tells(end.words, full)) {
    throw Error{Code::unavailable,
                fmt::format("the disk of this host is full: {}: {}", name, words)}
        .reason("DISK_FULL")
        .hint("make room on that disk, then move the service again");
  }
  if (means_cut(end.status)) throw transfer_cut(fmt::format("{} (rsync: {})", name, words));
  const bool is_well =
      end.status == vanished || (end.status == partial && !tells(end.words, serious));
  if (!is_final && is_well) {
    fmt::print("{}: changed while it was copied; what is missing comes with the last pass\n", name);
    return;
  }
  throw Error{Code::internal, fmt::format("{}: rsync ended with {}: {}", name, end.status, words)};
}

}  // namespace portoser::agent::transfer
