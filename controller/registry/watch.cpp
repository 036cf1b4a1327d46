#include "controller/registry/watch.h"

#include "common/file.h"
#include "common/log.h"
#include "common/tasks.h"
#include "controller/registry/load.h"
#include "controller/registry/text.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <fcntl.h>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace portoser::registry {
namespace {

constexpr auto poll_period = std::chrono::seconds{2};
constexpr auto quiet_time = std::chrono::milliseconds{50};
/// A file that is written without pause is read after this many quiet times anyhow.
constexpr int max_quiet_times = 20;

/// No IN_MODIFY: a file in the middle of being written is not worth reading; who never closes it is
/// found by the poll.
constexpr std::uint32_t file_events =
    IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB;
constexpr std::uint32_t folder_events = IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path{"."};
}

std::int64_t to_nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

bool same_problem(const std::optional<Problem>& a, const std::optional<Problem>& b) {
  return a.has_value() == b.has_value() &&
         (!a || (a->message == b->message && a->where == b->where));
}

}  // namespace

/// The inotify watch on the file's folder. Everything it cannot do is left to the poll.
class RegistryWatch::Folder {
 public:
  Folder(const asio::any_io_executor& executor, const std::filesystem::path& file)
      : path_(folder_of(file)), name_(file.filename()), descriptor_(executor) {
    const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0) {
      log::warn("registry",
                "inotify is not available, changes are found by polling",
                {{"reason", std::strerror(errno)}});
      return;
    }
    descriptor_.assign(fd);
    watch();
  }

  /// Waits for a change of the file or until the next look is due.
  asio::awaitable<void> wait(std::chrono::steady_clock::duration limit) {
    if (watch_ < 0) {
      co_await pause(limit);
      watch();
      co_return;
    }
    using namespace asio::experimental::awaitable_operators;
    auto readable =
        descriptor_.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
    auto timer = pause(limit);
    co_await (std::move(readable) || std::move(timer));
  }

  /// Takes all events; true when one of them was about the file.
  bool take_events() {
    bool noticed = false;
    alignas(inotify_event) std::array<char, 16384> buffer;
    while (descriptor_.is_open()) {
      const auto got = ::read(descriptor_.native_handle(), buffer.data(), buffer.size());
      if (got <= 0) {
        break;
      }
      for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
        inotify_event event{};
        std::memcpy(&event, buffer.data() + at, sizeof event);
        const char* name = event.len > 0 ? buffer.data() + at + sizeof event : "";
        noticed = is_about_file(event, name) || noticed;
        at += sizeof event + event.len;
      }
    }
    return noticed;
  }

 private:
  void watch() {
    if (descriptor_.is_open()) {
      watch_ = ::inotify_add_watch(
          descriptor_.native_handle(), path_.c_str(), file_events | folder_events);
    }
  }

  bool is_about_file(const inotify_event& event, std::string_view name) {
    if ((event.mask & IN_Q_OVERFLOW) != 0) {
      return true;
    }
    if (event.wd != watch_) {
      return false;  // of a folder that was here before
    }
    if ((event.mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)) != 0) {
      // Another folder may come to this path: let go of the old one and try again at each look.
      ::inotify_rm_watch(descriptor_.native_handle(), watch_);
      watch_ = -1;
      watch();
      return true;
    }
    return name == name_;
  }

  std::filesystem::path path_;
  std::string name_;
  asio::posix::stream_descriptor descriptor_;
  int watch_ = -1;
};

RegistryWatch::RegistryWatch(asio::any_io_executor executor,
                             std::filesystem::path path,
                             const Clock& clock)
    : executor_(std::move(executor)), path_(std::move(path)), clock_(clock) {
  RegistryState nothing;
  Registry empty;
  empty.file = path_.string();
  nothing.registry = std::make_shared<const Registry>(std::move(empty));
  state_ = std::make_shared<const RegistryState>(std::move(nothing));
  seen_ = fingerprint();
  auto first = read_state(state_);
  count(first);
  publish(std::move(first));
}

RegistryWatch::~RegistryWatch() = default;

RegistryWatch::StatePtr RegistryWatch::snapshot() const {
  const std::lock_guard lock{mutex_};
  return state_;
}

RegistryStats RegistryWatch::stats() const {
  RegistryStats stats;
  {
    const std::lock_guard lock{mutex_};
    stats = stats_;
  }
  stats.lock_wait = lock_wait_.read();
  return stats;
}

void RegistryWatch::count(const RegistryState& read) {
  const std::lock_guard lock{mutex_};
  stats_.size_bytes.reset();
  if (seen_.exists) stats_.size_bytes = static_cast<std::uint64_t>(seen_.size);
  if (read.problem) {
    ++stats_.refused;
    ++stats_.mistakes["file"];
    return;
  }
  ++stats_.reads;
  for (const auto& finding : read.registry->findings) {
    if (finding.severity != Severity::error) continue;
    const bool in_host = finding.path.starts_with("hosts.");
    const bool in_service = finding.path.starts_with("services.");
    ++stats_.mistakes[in_host ? "host" : in_service ? "service" : "other"];
  }
}

void RegistryWatch::subscribe(Subscriber subscriber) {
  const std::lock_guard lock{mutex_};
  subscribers_.push_back(std::move(subscriber));
}

asio::awaitable<void> RegistryWatch::run() {
  Folder folder{co_await asio::this_coro::executor, path_};
  for (;;) {
    // First of all: the file may have changed between the constructor and the watch.
    const bool noticed = folder.take_events();
    if (noticed || fingerprint() != seen_) {
      co_await settle(folder);
      read_again();
    }
    co_await folder.wait(poll_period);
  }
}

asio::awaitable<RegistryWatch::StatePtr> RegistryWatch::reload() {
  auto work = reload_here();
  co_return co_await on_executor(executor_, std::move(work));
}

asio::awaitable<RegistryWatch::StatePtr> RegistryWatch::reload_here() {
  read_again();
  co_return snapshot();
}

/// An editor saves in several steps: wait until the file rests.
asio::awaitable<void> RegistryWatch::settle(Folder& folder) {
  auto before = fingerprint();
  for (int i = 0; i < max_quiet_times; ++i) {
    co_await pause(quiet_time);
    const bool noticed = folder.take_events();
    const auto now = fingerprint();
    if (!noticed && now == before) {
      break;
    }
    before = now;
  }
}

RegistryWatch::Fingerprint RegistryWatch::fingerprint() const {
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0) {
    return Fingerprint{};
  }
  return Fingerprint{true,
                     status.st_dev,
                     status.st_ino,
                     status.st_size,
                     to_nanoseconds(status.st_mtim),
                     to_nanoseconds(status.st_ctim)};
}

void RegistryWatch::read_again() {
  seen_ = fingerprint();
  auto next = read_state(snapshot());
  count(next);
  publish(std::move(next));
}

RegistryState RegistryWatch::read_state(const StatePtr& before) const {
  RegistryState next;
  try {
    next.registry = std::make_shared<const Registry>(read_registry(*before->registry));
    next.loaded_at = clock_.now();
    next.source = Source::ok;
  } catch (const Error& error) {
    const bool has_good = !before->registry->revision.empty();
    next.registry = before->registry;
    next.loaded_at = before->loaded_at;
    next.source = error.code() == Code::not_found ? Source::missing
                  : has_good                      ? Source::last_good
                                                  : Source::never_read;
    next.problem = Problem{error.message(), error.where(), error.hint(), error.details()};
  }
  return next;
}

Registry RegistryWatch::read_registry(const Registry& before) const {
  // A pipe or a device in the file's place would block the reader for ever.
  std::error_code failure;
  const auto status = std::filesystem::status(path_, failure);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    throw Error{Code::invalid, path_.string() + " is not a regular file", path_.string()};
  }
  const auto text = read_file(path_, max_registry_bytes);
  auto registry = parse_registry(text, path_.string());
  if (is_cut_off(text, before.text)) {
    const auto line = static_cast<int>(std::count(text.begin(), text.end(), '\n')) + 1;
    throw refusal(path_.string(),
                  Mark{line, 1},
                  "the file ends inside this line, where the version before went on",
                  "was it saved only in part? If not, end it with a new line");
  }
  return registry;
}

void RegistryWatch::publish(RegistryState next) {
  const auto before = snapshot();
  const bool same_registry = next.registry->revision == before->registry->revision;
  if (same_registry && next.source == before->source &&
      same_problem(next.problem, before->problem)) {
    return;
  }
  if (next.problem) {
    log::warn("registry",
              "registry refused, the last good one stays in force",
              {{"reason", next.problem->message},
               {"where", next.problem->where},
               {"in_force", next.registry->revision}});
  } else {
    log::info("registry",
              "registry read",
              {{"file", next.registry->file},
               {"revision", next.registry->revision},
               {"hosts", next.registry->hosts().size()},
               {"services", next.registry->services().size()},
               {"findings", next.registry->findings.size()}});
  }
  if (same_registry) {
    next.registry = before->registry;  // whoever holds it need not take another of the same content
  }
  const auto state = std::make_shared<const RegistryState>(std::move(next));
  std::vector<Subscriber> subscribers;
  {
    const auto begun = clock_.uptime();
    const std::lock_guard lock{mutex_};
    lock_wait_.add(clock_.uptime() - begun);
    state_ = state;
    subscribers = subscribers_;
  }
  for (const auto& subscriber : subscribers) {
    try {
      subscriber(state);
    } catch (const std::exception& error) {
      // One listener that fails must not keep the news from the others, nor end the watch.
      log::error("registry", "a listener of the registry failed", {{"reason", error.what()}});
    }
  }
}

}  // namespace portoser::registry
