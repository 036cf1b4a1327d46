/// The output of the steps, line by line, in a file of bounded size.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

namespace portoser::agent::actions::runner {

/// A line is written once it is complete; a longer one than `line_limit` is cut into several.
/// Behind `byte_limit` lines are only counted, and the last of them are kept: what a tool says at
/// its end is why it failed. A disk that is full loses lines, not the run; once it takes some
/// again, a notice says how many are missing.
class OutputLog {
 public:
  static constexpr std::size_t byte_limit = std::size_t{8} << 20U;
  static constexpr std::size_t line_limit = 4096;
  static constexpr std::size_t kept_lines = 50;

  explicit OutputLog(const std::string& path, std::size_t limit = byte_limit);
  ~OutputLog();
  OutputLog(const OutputLog&) = delete;
  OutputLog& operator=(const OutputLog&) = delete;

  void begin_step(std::string_view name);
  void feed(std::string_view bytes);
  /// Of the step: the line that is not complete, and those that were kept.
  void end_step();
  void notice(std::string_view text);

 private:
  void end_line();
  void write_out();
  std::size_t put(std::string_view records);

  int fd_ = -1;
  std::size_t limit_;
  std::size_t written_ = 0;
  std::size_t file_bytes_ = 0;
  std::string step_;
  std::size_t lost_ = 0;  ///< records that the disk did not take, since the last that it took
  std::string line_;
  std::string batch_;
  bool after_return_ = false;
  std::deque<std::string> kept_;
  std::size_t left_out_ = 0;
};

}  // namespace portoser::agent::actions::runner
