#include "agent/actions/runner/output_log.h"

#include "agent/actions/runner/files.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace portoser::agent::actions::runner {

OutputLog::OutputLog(const std::string& path, std::size_t limit)
    : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)), limit_(limit) {
  struct stat facts {};
  if (fd_ >= 0 && ::fstat(fd_, &facts) == 0) file_bytes_ = static_cast<std::size_t>(facts.st_size);
}

OutputLog::~OutputLog() {
  if (fd_ >= 0) ::close(fd_);
}

void OutputLog::begin_step(std::string_view name) {
  batch_ += step_mark;
  batch_ += name;
  batch_ += '\n';
  write_out();
  step_ = name;
}

void OutputLog::feed(std::string_view bytes) {
  for (const char byte : bytes) {
    // A progress display redraws its line with a return: each state of it is a line.
    const bool ends = byte == '\n' || byte == '\r';
    if (byte == '\n' && after_return_) {
      after_return_ = false;
      continue;
    }
    after_return_ = byte == '\r';
    if (!ends) line_ += byte;
    if (ends || line_.size() >= line_limit) end_line();
  }
  write_out();
}

void OutputLog::end_step() {
  if (!line_.empty()) end_line();
  if (left_out_ > kept_.size()) {
    notice(std::to_string(left_out_ - kept_.size()) + " lines are left out here");
  }
  for (const auto& line : kept_) {
    batch_ += line_mark;
    batch_ += line;
    batch_ += '\n';
  }
  kept_.clear();
  left_out_ = 0;
  after_return_ = false;
  write_out();
}

void OutputLog::notice(std::string_view text) {
  batch_ += notice_mark;
  batch_ += text;
  batch_ += '\n';
  write_out();
}

void OutputLog::end_line() {
  if (written_ + batch_.size() + line_.size() < limit_) {
    batch_ += line_mark;
    batch_ += line_;
    batch_ += '\n';
  } else {
    ++left_out_;
    kept_.push_back(std::move(line_));
    if (kept_.size() > kept_lines) kept_.pop_front();
  }
  line_.clear();
}

void OutputLog::write_out() {
  if (batch_.empty()) return;
  if (lost_ > 0) {
    // The step may have begun among what was lost.
    auto missing =
        notice_mark + std::to_string(lost_) + " lines are missing here: the disk was full\n";
    if (!step_.empty()) missing = step_mark + step_ + '\n' + missing;
    if (put(missing) == missing.size()) lost_ = 0;
  }
  const auto records = std::exchange(batch_, {});
  std::string_view rest = records;
  if (lost_ == 0) rest.remove_prefix(put(rest));
  lost_ += static_cast<std::size_t>(std::count(rest.begin(), rest.end(), '\n'));
}

/// Returns how much of it was written: whole records, since half of one would swallow the beginning
/// of the next. A record that was whole stays: who follows the file may have read it.
std::size_t OutputLog::put(std::string_view records) {
  std::string_view rest = records;
  while (!rest.empty() && fd_ >= 0) {
    const auto done = ::write(fd_, rest.data(), rest.size());
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) break;
    rest.remove_prefix(static_cast<std::size_t>(done));
  }
  const auto taken = records.substr(0, records.size() - rest.size());
  const auto whole = taken.rfind('\n') + 1;  // none: 0
  written_ += whole;
  const bool has_half = whole < taken.size();
  const bool is_cut = has_half && ::ftruncate(fd_, static_cast<off_t>(file_bytes_ + whole)) == 0;
  file_bytes_ += has_half && !is_cut ? taken.size() : whole;
  return whole;
}

}  // namespace portoser::agent::actions::runner
