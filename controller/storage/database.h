/// The controller's database: one SQLite file in WAL mode, one thread that writes, a few that read.
/// This room owns the file and all SQL of the project; others use the stores (`DeviceStore`,
/// `TokenStore`, `JobStore`, `EventStore`).
///
/// The methods of the stores are coroutines: they may be called from any thread, wait without
/// blocking it and resume on the caller's executor; a write resumes after its commit has reached
/// the disk, so what it returned survives a crash. Once awaited, a write is not undone by a
/// cancellation; a read is given up by one, and who waits resumes at once. All may throw
/// `Error{unavailable}` with the reason STORAGE_FAILED (disk full or failing: nothing of this call
/// was stored, a later one works again when the disk does) or STORAGE_BUSY (too much waits).
#pragma once

#include "common/clock.h"
#include "common/file.h"
#include "common/histogram.h"
#include "common/tasks.h"
#include "controller/storage/database_problem.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace portoser::storage {

class Connection;
class Readers;
class WorkQueue;
class Writer;

/// Counted since the start.
struct DatabaseStats {
  std::uint64_t commits = 0;
  std::uint64_t items = 0;      ///< pieces of work that were written or failed
  std::uint64_t written = 0;    ///< those that were written
  std::uint64_t failures = 0;   ///< those that failed, a refused name as well as a full disk
  std::size_t queue_depth = 0;  ///< writes that wait
  std::size_t reads_waiting = 0;
  std::size_t connections = 0;               ///< to the file: one that writes, the others read
  std::size_t busy_connections = 0;          ///< of these
  std::chrono::microseconds last_commit{0};  ///< how long the last group took, work included
  std::uint64_t size_bytes = 0;              ///< the file and its write-ahead log
  std::shared_ptr<const DatabaseProblem> problem;  ///< null: the last write reached the disk
  HistogramReading reads;  ///< time of the work alone: no waiting, no commit
  HistogramReading writes;
};

struct DatabaseOptions {
  std::size_t readers = 2;           ///< threads
  std::size_t queue_limit = 10'000;  ///< work that may wait; more is refused as STORAGE_BUSY
};

class Database {
 public:
  /// Opens the file, makes it when it is missing and brings it to this program's version. The
  /// folder must exist. Refusals: `Error` with the reason DATABASE_IN_USE (another controller holds
  /// "<path>.lock"), DATABASE_NEWER, DATABASE_DIFFERS, NOT_OUR_DATABASE, NOT_A_DATABASE,
  /// STORAGE_FAILED.
  Database(std::filesystem::path path, const Clock& clock, DatabaseOptions options = {});
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  /// Does what waits, then closes. The executors of those who wait must still be there.
  ~Database();

  /// For the stores: calls `work(connection)` on the thread that writes, inside a transaction, and
  /// returns its result after the commit. What `work` throws undoes its own changes and comes out
  /// here.
  template <class Function>
  asio::awaitable<std::invoke_result_t<Function, Connection&>> write(Function work) {
    return queued(writer_queue(), std::move(work));
  }
  /// For the stores: calls `work(connection)` on a thread that reads.
  template <class Function>
  asio::awaitable<std::invoke_result_t<Function, Connection&>> read(Function work) {
    return queued(reader_queue(), std::move(work));
  }

  /// Any thread.
  [[nodiscard]] DatabaseStats stats() const;

 private:
  template <class Function>
  asio::awaitable<std::invoke_result_t<Function, Connection&>> queued(WorkQueue& queue,
                                                                      Function work) {
    using Value = std::invoke_result_t<Function, Connection&>;
    if constexpr (std::is_void_v<Value>) {
      co_await wait_in(queue, std::move(work));
    } else {
      auto result = std::make_shared<std::optional<Value>>();
      std::function<void(Connection&)> keeping = [result, own = std::move(work)](Connection& on) {
        result->emplace(own(on));
      };
      co_await wait_in(queue, std::move(keeping));
      co_return std::move(**result);
    }
  }
  asio::awaitable<void> wait_in(WorkQueue& queue, std::function<void(Connection&)> work);
  WorkQueue& writer_queue();
  WorkQueue& reader_queue();

  std::filesystem::path path_;
  const Clock& clock_;
  FileLock lock_;
  Histogram reads_;
  Histogram writes_;
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<Readers> readers_;
};

}  // namespace portoser::storage
