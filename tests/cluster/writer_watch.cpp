#include "tests/cluster/writer_watch.h"

#include "common/clock.h"
#include "common/file.h"
#include "tests/support/await.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <sstream>
#include <string_view>
#include <unistd.h>

namespace portoser::test {
namespace {

/// As the kernel calls it, from exec on.
constexpr std::string_view writer_name = "(ledger_writer) ";

/// Empty for a process that is gone: they end while we look.
std::string text_in_proc(const std::string& path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  std::array<char, 4096> buffer{};
  const auto got = file.is_open() ? ::read(file.get(), buffer.data(), buffer.size()) : -1;
  return got > 0 ? std::string{buffer.data(), static_cast<std::size_t>(got)} : std::string{};
}

/// The host in whose cgroup the process is; empty: none of ours.
std::string host_of_process(const std::string& pid) {
  static const auto parent = fmt::format("/portoser-hosts-{}/", ::getpid());
  const auto cgroups = text_in_proc("/proc/" + pid + "/cgroup");
  const auto at = cgroups.find(parent);
  if (at == std::string::npos) return {};
  const auto begin = at + parent.size();
  const auto end = std::min(cgroups.find_first_of("/\n", begin), cgroups.size());
  return cgroups.substr(begin, end - begin);
}

/// With the pid as the text that it is; none: it is no writer, or has ended and waits for its
/// parent.
bool read_writer(const std::string& pid, LivingWriter& writer) {
  const auto stat = text_in_proc("/proc/" + pid + "/stat");
  const auto name = stat.find(writer_name);
  if (name == std::string::npos) return false;
  std::istringstream fields{stat.substr(name + writer_name.size())};
  std::string state;
  fields >> state;
  if (state == "Z" || state == "X") return false;
  // Fields 4 to 21 come before the start time (proc(5)).
  std::string skipped;
  for (int field = 4; field <= 21; ++field) fields >> skipped;
  fields >> writer.began;
  writer.host = host_of_process(pid);
  writer.pid = std::atoi(pid.c_str());
  return !writer.host.empty();
}

std::string named(const LivingWriter& writer) {
  return fmt::format("{} (pid {})", writer.host, writer.pid);
}

}  // namespace

std::vector<LivingWriter> living_writers() {
  std::vector<LivingWriter> found;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder{::opendir("/proc"), ::closedir};
  if (!folder) return found;
  while (const auto* entry = ::readdir(folder.get())) {
    const std::string_view name{&entry->d_name[0]};
    if (std::isdigit(static_cast<unsigned char>(name.front())) == 0) continue;
    LivingWriter writer;
    if (read_writer(std::string{name}, writer)) found.push_back(std::move(writer));
  }
  return found;
}

WriterWatch::WriterWatch()
    : thread_([this] {
        await_until("the watch is over", std::chrono::hours{24}, [&] {
          look();
          return is_stopping_.load();
        });
      }) {}

WriterWatch::~WriterWatch() {
  is_stopping_ = true;
  thread_.join();
  freeze_nowhere();
}

void WriterWatch::look() {
  auto found = living_writers();
  ++looks_;
  const std::lock_guard lock{mutex_};
  for (const auto& one : found) {
    auto& began = seen_[one.pid];
    if (began != one.began) ++count_;
    began = one.began;
    const bool is_frozen = std::find(frozen_.begin(), frozen_.end(), one) != frozen_.end();
    if (one.host != frozen_host_ || is_frozen) continue;
    ::kill(one.pid, SIGSTOP);
    frozen_.push_back(one);
  }
  if (found.size() < 2) return;
  // One of them may have ended before the other began. Who is still there was there all the time.
  const auto later = living_writers();
  std::erase_if(found, [&](const LivingWriter& one) {
    return std::find(later.begin(), later.end(), one) == later.end();
  });
  if (found.size() > 1) note(found);
}

void WriterWatch::note(const std::vector<LivingWriter>& together) {
  auto names = named(together[0]);
  for (std::size_t i = 1; i < together.size(); ++i) names += " and " + named(together[i]);
  if (names == reported_) return;
  reported_ = names;
  violations_.push_back(
      fmt::format("two writers lived at {}: {}", to_rfc3339(SystemClock{}.now()), names));
}

std::vector<std::string> WriterWatch::violations() const {
  const std::lock_guard lock{mutex_};
  return violations_;
}

std::size_t WriterWatch::seen() const {
  const std::lock_guard lock{mutex_};
  return count_;
}

void WriterWatch::freeze_on(const std::string& host) {
  const std::lock_guard lock{mutex_};
  frozen_host_ = host;
}

void WriterWatch::freeze_nowhere() {
  std::vector<LivingWriter> frozen;
  {
    const std::lock_guard lock{mutex_};
    frozen_host_.clear();
    frozen.swap(frozen_);
  }
  const auto living = living_writers();
  for (const auto& one : frozen) {
    // Its pid may be somebody else's by now.
    if (std::find(living.begin(), living.end(), one) != living.end()) ::kill(one.pid, SIGCONT);
  }
}

}  // namespace portoser::test
