/// Questions of the controller: each is answered by a process of its own (portoser-inspect), so
/// that neither what it reads nor a disk that hangs becomes the daemon's. Lives on the agent's Asio
/// thread; disk goes to the pool.
#pragma once

#include "common/tasks.h"
#include "protocol/messages.h"

#include <chrono>
#include <cstddef>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace portoser::agent::inspection {

struct InspectorSettings {
  std::string program;                ///< path of portoser-inspect
  std::filesystem::path data_folder;  ///< the agent's; questions lie in it while they are answered
  std::string engine_socket;
  std::size_t at_a_time = 4;  ///< others wait, as long as somebody waits for them
  std::size_t waiting = 64;   ///< more are refused: BUSY
};

class Inspector {
 public:
  using OnAnswer = std::function<void(protocol::Answer)>;

  /// `pool` must outlive it. Removes what an earlier agent left. Logs that its program is missing.
  /// Cannot make its folder: `Error{internal}`.
  Inspector(asio::any_io_executor executor,
            asio::thread_pool& pool,
            InspectorSettings settings,
            OnAnswer on_answer);

  /// Their names; none while the program that answers them cannot be run.
  [[nodiscard]] std::vector<std::string> known_questions() const;

  /// Every question gets one answer, unless the agent stops first.
  void handle(protocol::Question question);

  /// Ends the processes. Then wait for `join` before destruction.
  void stop() { tasks_.stop(); }
  asio::awaitable<void> join() { return tasks_.join(); }

 private:
  struct Turn;
  asio::awaitable<void> answer(protocol::Question question);
  asio::awaitable<protocol::Answer> answer_of(const protocol::Question& question);
  asio::awaitable<std::chrono::milliseconds> take_turn(std::chrono::milliseconds patience);
  void give_turn();

  asio::thread_pool& pool_;
  InspectorSettings settings_;
  std::filesystem::path folder_;
  OnAnswer on_answer_;
  std::size_t under_way_ = 0;
  std::deque<std::shared_ptr<asio::steady_timer>> waiting_;
  TaskGroup tasks_;
};

}  // namespace portoser::agent::inspection
