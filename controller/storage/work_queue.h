/// A bounded queue of work for the threads that own a connection. Inside the room only; any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>

namespace portoser::storage {

class Connection;

/// Runs on a thread of the room with its connection. It is called once; it must not wait.
using Work = std::function<void(Connection&)>;

struct Item {
  Work work;
  std::function<void(std::exception_ptr)> done;  ///< called once; null: it worked
};

class WorkQueue {
 public:
  enum class Offered { taken, full, closed };

  explicit WorkQueue(std::size_t limit) : limit_(limit) {}

  /// Leaves `item` as it is unless it is taken.
  Offered offer(Item& item);
  /// Waits for work and takes all of it; nothing: closed and drained, or `limit` has passed.
  std::deque<Item> take_all(std::optional<std::chrono::milliseconds> limit = std::nullopt);
  /// Waits for work and takes the oldest; nothing: closed and drained.
  std::optional<Item> take_one();
  /// What is in the queue is still handed out.
  void close();
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] bool is_drained() const;  ///< closed, and all is handed out

 private:
  mutable std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<Item> items_;
  std::size_t limit_;
  bool closed_ = false;
};

}  // namespace portoser::storage
