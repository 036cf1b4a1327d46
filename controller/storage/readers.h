/// A few threads that answer questions, each over a connection of its own that cannot write. In WAL
/// mode they see the last commit and never wait for the writer. Inside the room only.
#pragma once

#include "controller/storage/work_queue.h"

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <thread>
#include <vector>

namespace portoser::storage {

class Readers {
 public:
  Readers(const std::filesystem::path& path, std::size_t threads, std::size_t queue_limit);
  /// Answers what was asked, then ends the threads.
  ~Readers();

  WorkQueue& queue() { return queue_; }

  /// Connections that answer something now, and all. Any thread.
  [[nodiscard]] std::size_t busy() const { return busy_; }
  [[nodiscard]] std::size_t connections() const { return connections_.size(); }

 private:
  void work(Connection& connection);

  std::vector<std::unique_ptr<Connection>> connections_;
  WorkQueue queue_;
  std::atomic<std::size_t> busy_{0};
  std::vector<std::thread> threads_;  ///< last: they use all of the above
};

}  // namespace portoser::storage
