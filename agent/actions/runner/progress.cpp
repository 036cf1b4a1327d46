#include "agent/actions/runner/progress.h"

#include "agent/actions/runner/files.h"

#include <charconv>
#include <fcntl.h>
#include <unistd.h>

namespace portoser::agent::actions::runner {
namespace {

std::int64_t number_behind(std::string_view record, std::string_view word) {
  std::int64_t number = -1;
  const auto text = record.substr(word.size());
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

Reached reached_in(std::string_view text) {
  Reached reached;
  for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    const auto record = text.substr(0, end);
    if (record.starts_with("begin ")) reached.begun = number_behind(record, "begin ");
    if (record.starts_with("end ")) reached.ended = number_behind(record, "end ");
    if (record == "undo") reached.undoing = true;
    text.remove_prefix(end + 1);
  }
  return reached;
}

Progress::Progress(const std::string& folder, bool kept) : kept_(kept) {
  if (!kept_) return;
  fd_ = ::open((folder + "/" + progress_file).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  std::string text(progress_bytes, '\0');
  const auto got = fd_ < 0 ? 0 : ::pread(fd_, text.data(), text.size(), 0);
  text.resize(static_cast<std::size_t>(got < 0 ? 0 : got));
  const auto last = text.rfind('\n');
  offset_ = last == std::string::npos ? 0 : static_cast<std::int64_t>(last) + 1;
  reached_ = reached_in(text);
}

Progress::~Progress() {
  if (fd_ >= 0) ::close(fd_);
}

bool Progress::begin(std::int64_t step) {
  reached_.begun = step;
  return note("begin " + std::to_string(step));
}

bool Progress::end(std::int64_t step) {
  reached_.ended = step;
  return note("end " + std::to_string(step));
}

bool Progress::undo() {
  reached_.undoing = true;
  return note("undo");
}

bool Progress::note(std::string_view record) {
  if (!kept_) return true;
  if (fd_ < 0) return false;
  const auto line = std::string{record} + '\n';
  if (::pwrite(fd_, line.data(), line.size(), offset_) != static_cast<ssize_t>(line.size()) ||
      ::fdatasync(fd_) != 0) {
    return false;
  }
  offset_ += static_cast<std::int64_t>(line.size());
  return true;
}

}  // namespace portoser::agent::actions::runner
