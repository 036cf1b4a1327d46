/// Makes what the spool wrote durable, on a thread of its own: an fdatasync on a slow card takes
/// longer than a message may wait.
#pragma once

#include "common/file.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace portoser::agent::link {

class Flusher {
 public:
  /// `reserve` writes the reservation of sequence numbers; it runs on the flusher's thread.
  explicit Flusher(std::function<void(std::int64_t)> reserve);
  Flusher(const Flusher&) = delete;
  Flusher& operator=(const Flusher&) = delete;
  /// Flushes what is still waiting.
  ~Flusher();

  /// Flushes everything written to `file` so far, soon; requests that come while one is under way
  /// share the next. `segment` tells files apart. Never blocks.
  void flush(std::int64_t segment, int file);
  void reserve(std::int64_t up_to);
  /// Tells when all that was asked for before is done: false where a file could not be flushed,
  /// now or earlier. Trying again says nothing: the kernel reports an error once and gives up what
  /// it could not write.
  void tell(std::promise<bool> done);
  /// What could not be flushed is not needed any more.
  void forget_failures() { has_failed_ = false; }

 private:
  struct Request {
    std::int64_t segment = 0;
    Descriptor file;
  };
  struct Batch {
    std::vector<Request> requests;
    std::optional<std::int64_t> reservation;
    std::vector<std::promise<bool>> told;
    [[nodiscard]] bool is_empty() const { return requests.empty() && !reservation && told.empty(); }
  };
  void work();
  void flush_files(const Batch& batch);
  void write_reservation(const Batch& batch);

  std::function<void(std::int64_t)> write_reservation_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Batch waiting_;
  std::optional<std::int64_t> failed_reservation_;
  std::atomic<bool> has_failed_{false};
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace portoser::agent::link
