#include "agent/actions/output.h"

#include "agent/actions/masked_output.h"
#include "agent/actions/runner/files.h"
#include "common/error.h"

#include <boost/asio/redirect_error.hpp>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <algorithm>
#include <deque>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace portoser::agent::actions {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t batch_lines = 50;
constexpr std::chrono::milliseconds batch_time{50};
constexpr std::size_t block_bytes = 64U << 10U;
constexpr std::size_t longest_last_line = 500;

int open_watch(const fs::path& output) {
  const int watch = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (watch < 0 || ::inotify_add_watch(watch, output.c_str(), IN_MODIFY) < 0) {
    const auto problem = system_error_text("cannot watch", output);
    if (watch >= 0) ::close(watch);
    throw Error{Code::internal, problem};
  }
  return watch;
}

/// Of the file's end; what is there, when it is read.
template <class OnRecord>
void each_record(const fs::path& folder, const OnRecord& on_record) {
  const Descriptor file{::open((folder / runner::output_file).c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat facts {};
  if (!file.is_open() || ::fstat(file.get(), &facts) != 0) return;
  const auto from = std::max<std::int64_t>(0, facts.st_size - (256 << 10));
  std::string text(static_cast<std::size_t>(facts.st_size - from), '\0');
  const auto got = ::pread(file.get(), text.data(), text.size(), from);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(0, got)));
  std::string_view rest = text;
  if (from > 0) rest.remove_prefix(std::min(rest.size(), rest.find('\n') + 1));
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    if (end > 0) on_record(rest.substr(0, end));
    rest.remove_prefix(std::min(rest.size(), end + 1));
  }
}

/// The last so many lines among records.
class LastLines {
 public:
  explicit LastLines(std::size_t count) : count_(count) {}

  void add(std::string_view record) {
    if (record.size() < 2 || record.front() == runner::step_mark) return;
    lines_.push_back(masked_line(record.substr(1)).substr(0, longest_last_line));
    if (lines_.size() > count_) lines_.pop_front();
  }
  [[nodiscard]] std::vector<std::string> take() const { return {lines_.begin(), lines_.end()}; }

 private:
  std::size_t count_;
  std::deque<std::string> lines_;
};

}  // namespace

OutputFollower::OutputFollower(const asio::any_io_executor& executor,
                               const fs::path& folder,
                               std::string command_id,
                               Sink sink)
    : watch_(executor, open_watch(folder / runner::output_file)),
      file_(::open((folder / runner::output_file).c_str(), O_RDONLY | O_CLOEXEC)),
      command_id_(std::move(command_id)),
      sink_(std::move(sink)) {}

asio::awaitable<void> OutputFollower::follow() {
  for (;;) {
    const bool more = read_some();
    co_await pause(batch_time);
    if (std::exchange(rewound_, false) || more) continue;
    // `rewind` ends the wait; a cancelled task is ended by its next one.
    boost::system::error_code ended;
    co_await watch_.async_wait(asio::posix::stream_descriptor::wait_read,
                               asio::redirect_error(asio::use_awaitable, ended));
    char events[1024];
    while (::read(watch_.native_handle(), events, sizeof events) > 0) {
    }
  }
}

void OutputFollower::finish() {
  while (read_some()) {
  }
}

void OutputFollower::rewind() {
  offset_ = 0;
  step_.clear();
  next_line_ = 0;
  batch_.clear();
  rewound_ = true;
  watch_.cancel();
}

/// One block, so that a long output does not hold the thread. False: there is no more.
bool OutputFollower::read_some() {
  std::string block(block_bytes, '\0');
  const auto got = ::pread(file_.get(), block.data(), block.size(), offset_);
  if (got <= 0) return false;
  const auto read = static_cast<std::size_t>(got);
  std::string_view text{block.data(), read};
  for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    take(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  // A record that is not complete is read again: on a full disk its writer takes it back, and
  // another one begins at that place. A whole block without an end is no record.
  offset_ += static_cast<std::int64_t>(text.size() < block_bytes ? read - text.size() : read);
  flush();
  return read == block_bytes;
}

void OutputFollower::take(std::string_view record) {
  if (record.empty()) return;
  if (record.front() == runner::step_mark) {
    flush();
    step_ = record.substr(1);
    // A step is news even while it says nothing.
    protocol::Progress progress;
    progress.command_id = command_id_;
    progress.step = step_;
    progress.first_line = next_line_;
    sink_(std::move(progress));
    return;
  }
  batch_.push_back(masked_line(record.substr(1)));
  if (batch_.size() == batch_lines) flush();
}

void OutputFollower::flush() {
  if (batch_.empty()) return;
  protocol::Progress progress;
  progress.command_id = command_id_;
  progress.step = step_;
  progress.first_line = next_line_;
  progress.lines = std::exchange(batch_, {});
  next_line_ += static_cast<std::int64_t>(progress.lines.size());
  sink_(std::move(progress));
}

std::vector<std::string> last_output_lines(const fs::path& folder,
                                           const std::string& before,
                                           std::size_t count) {
  LastLines lines{count};
  bool is_over = false;
  each_record(folder, [&](std::string_view record) {
    is_over = is_over || (!before.empty() && record.front() == runner::step_mark &&
                          record.substr(1) == before);
    if (!is_over) lines.add(record);
  });
  return lines.take();
}

std::vector<std::string> last_lines_of(const fs::path& folder,
                                       const std::string& step,
                                       std::size_t count) {
  LastLines lines{count};
  bool is_inside = false;
  each_record(folder, [&](std::string_view record) {
    if (record.front() == runner::step_mark) {
      is_inside = record.substr(1) == step;
      if (is_inside) lines = LastLines{count};
    }
    if (is_inside) lines.add(record);
  });
  return lines.take();
}

}  // namespace portoser::agent::actions
