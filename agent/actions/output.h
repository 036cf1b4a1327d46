/// Reads what the runner writes: as progress while it grows, and its end afterwards. Lives on the
/// agent's Asio thread.
#pragma once

#include "common/file.h"
#include "common/tasks.h"
#include "protocol/messages.h"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::agent::actions {

class OutputFollower {
 public:
  using Sink = std::function<void(protocol::Progress)>;

  /// The output must exist (`Journal::plan`).
  OutputFollower(const asio::any_io_executor& executor,
                 const std::filesystem::path& folder,
                 std::string command_id,
                 Sink sink);

  /// Goes on until it is cancelled: at most 50 lines a message, a message for what came within
  /// 50 ms.
  asio::awaitable<void> follow();
  /// What is there and was not sent yet.
  void finish();
  /// Everything is sent again, from line 0.
  void rewind();

 private:
  bool read_some();
  void take(std::string_view record);
  void flush();

  asio::posix::stream_descriptor watch_;  ///< inotify
  Descriptor file_;
  std::string command_id_;
  Sink sink_;
  std::int64_t offset_ = 0;  ///< of the first record that was not taken
  std::string step_;
  std::int64_t next_line_ = 0;
  std::vector<std::string> batch_;
  bool rewound_ = false;
};

/// The last lines that a step wrote, each cut to a length that fits a message. Blocking. `before`:
/// only those before the first step of that name; empty, or there is none: all.
std::vector<std::string> last_output_lines(const std::filesystem::path& folder,
                                           const std::string& before = {},
                                           std::size_t count = 20);
/// Those of that step alone, when it ran last.
std::vector<std::string> last_lines_of(const std::filesystem::path& folder,
                                       const std::string& step,
                                       std::size_t count = 20);

}  // namespace portoser::agent::actions
