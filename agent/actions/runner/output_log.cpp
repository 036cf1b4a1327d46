#include "agent/actions/runner/output_log.h"

#include "agent/actions/runner/files.h"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace portoser::agent::actions::runner {

OutputLog::OutputLog(const std::string& path, std::size_t limit)
    : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)), limit_(limit) {}

OutputLog::~OutputLog() {
  if (fd_ >= 0) ::close(fd_);
}

void OutputLog::begin_step(std::string_view name) {
  batch_ += step_mark;
  batch_ += name;
  batch_ += '\n';
  write_out();
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

/// A disk that is full loses output, not the run.
void OutputLog::write_out() {
  std::string_view rest = batch_;
  while (!rest.empty() && fd_ >= 0) {
    const auto done = ::write(fd_, rest.data(), rest.size());
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) break;
    rest.remove_prefix(static_cast<std::size_t>(done));
  }
  written_ += batch_.size();
  batch_.clear();
}

}  // namespace portoser::agent::actions::runner
