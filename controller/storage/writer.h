/// The one thread that changes the database. Inside the room only.
///
/// Group commit: it takes all the work that waits, runs it in one transaction, commits once and
/// then tells everybody. One wait for the disk (milliseconds) so serves all who came meanwhile.
/// Each piece of work has a savepoint of its own, so that one that fails is undone alone.
///
/// A disk that takes nothing fails what waits, at once, and is a `problem` until a write succeeds
/// and there is room for more; where nobody writes, the thread itself tries every few seconds.
#pragma once

#include "common/clock.h"
#include "common/error.h"
#include "common/pace.h"
#include "controller/storage/database_problem.h"
#include "controller/storage/work_queue.h"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>

namespace portoser::storage {

class Writer {
 public:
  /// `clock` must outlive it.
  Writer(std::unique_ptr<Connection> connection, const Clock& clock, std::size_t queue_limit);
  /// Does the work that waits, then ends the thread.
  ~Writer();

  WorkQueue& queue() { return queue_; }

  /// Any thread.
  [[nodiscard]] std::uint64_t commits() const { return commits_; }
  [[nodiscard]] std::uint64_t items() const { return items_; }
  [[nodiscard]] std::uint64_t written() const { return written_; }
  [[nodiscard]] std::uint64_t failures() const { return failures_; }
  [[nodiscard]] std::size_t waiting() const { return queue_.size(); }
  [[nodiscard]] bool busy() const { return busy_; }
  [[nodiscard]] std::chrono::microseconds last_commit() const { return last_commit_.load(); }
  /// Null: the last write reached the disk. Not null: one did not, and there is little room since.
  [[nodiscard]] std::shared_ptr<const DatabaseProblem> problem() const { return problem_.load(); }

 private:
  struct Outcome;

  void work();
  void commit(std::deque<Item> batch);
  void run_all(const std::deque<Item>& batch, Outcome& outcome);
  void run_alone(const Item& item, std::exception_ptr& failure);
  void judge(const Outcome& outcome, bool has_written);
  void try_disk();
  void failed(const Error& error);
  void works();

  std::unique_ptr<Connection> connection_;
  Pace log_pace_;
  const Clock& clock_;
  WorkQueue queue_;
  std::atomic<std::uint64_t> commits_{0};
  std::atomic<std::uint64_t> items_{0};
  std::atomic<std::uint64_t> written_{0};
  std::atomic<std::uint64_t> failures_{0};
  std::atomic<bool> busy_{false};
  std::atomic<std::chrono::microseconds> last_commit_{std::chrono::microseconds{0}};
  std::atomic<std::shared_ptr<const DatabaseProblem>> problem_;
  std::thread thread_;  ///< last: it uses all of the above
};

}  // namespace portoser::storage
